"""Experiments: what if, from the digits to the GPT, is it the paper, is it healthy?"""
