"""The compiled step writes the texts that the model's own step writes."""

import copy
import shutil

import pytest
import torch
from torch import Tensor, nn

from transformer.config import GPTConfig
from transformer.errors import UserError
from transformer.inference.compiled import CompiledStep
from transformer.model.gpt import GPT
from transformer.search.sampling import Sampling

VOCAB_SIZE = 30

needs_a_compiler = pytest.mark.skipif(
    not (shutil.which("g++") or shutil.which("clang++")), reason="there is no C++ compiler"
)


def random_gpt(**changes: object) -> GPT:
    torch.manual_seed(1)
    sizes = {"d_model": 32, "d_ff": 64, "n_heads": 4, "n_decoder_layers": 2, "context": 12}
    config = GPTConfig(**{**sizes, "norm_first": True, "activation": "gelu", **changes})  # type: ignore[arg-type]
    gpt = GPT(config, vocab_size=VOCAB_SIZE).eval()
    for name, weights in gpt.named_parameters():
        nn.init.normal_(weights, mean=1.0 if name.endswith("norm.weight") else 0.0, std=0.3)
    return gpt


@pytest.fixture(scope="module")
def pair() -> tuple[GPT, CompiledStep]:
    """A model, and the compiled step of an equal one."""
    gpt = random_gpt(positions="learned", attention_bias=True)
    return gpt, CompiledStep(copy.deepcopy(gpt))


@needs_a_compiler
@pytest.mark.slow
def test_texts_are_the_same_beyond_the_context_and_when_some_end(
    pair: tuple[GPT, CompiledStep],
) -> None:
    gpt, step = pair
    prompts = [[3, 4, 5], [6, 7, 8], [3, 4, 5], [9, 1, 2], [2, 2, 2], [5, 6, 1]]
    sampling = Sampling(temperature=1.5, seed=4)
    expected = gpt.generate(prompts, 40, sampling=sampling, eos_id=0)
    assert len({len(text) for text in expected}) > 2  # some have ended sooner
    assert max(map(len, expected)) > 3 * gpt.config.context
    assert step.gpt.generate(prompts, 40, sampling=sampling, eos_id=0, step=step) == expected


@needs_a_compiler
@pytest.mark.slow
def test_logits_are_the_same_and_no_state_is_changed(pair: tuple[GPT, CompiledStep]) -> None:
    gpt, step = pair
    with torch.inference_mode():
        state = theirs = gpt.start()
        for place in range(30):
            tokens = torch.tensor([place, place * 7, 1]) % VOCAB_SIZE
            before: list[Tensor] = [cache.keys.clone() for cache in state.past or ()]
            logits, following = step(tokens, state)
            expected, theirs = gpt.step(tokens, theirs)
            torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)
            for old, cache in zip(before, state.past or (), strict=True):
                assert torch.equal(old, cache.keys)
            # Another continuation of the same state, which leaves the first one as it is.
            other, _ = step((tokens + 1) % VOCAB_SIZE, state)
            assert not torch.allclose(other, logits)
            state = following
            assert state.position == theirs.position


@needs_a_compiler
@pytest.mark.slow
@pytest.mark.exhaustive
def test_bf16_is_near() -> None:
    gpt = random_gpt()
    step = CompiledStep(copy.deepcopy(gpt), "bf16")
    assert {weights.dtype for weights in step.gpt.parameters()} == {torch.bfloat16}
    with torch.inference_mode():
        state, theirs = step.gpt.start(), gpt.start()
        for place in range(20):
            logits, state = step(torch.tensor([place, 3]), state)
            expected, theirs = gpt.step(torch.tensor([place, 3]), theirs)
            error = (logits.softmax(-1) - expected.softmax(-1)).abs().sum(dim=-1)
            assert logits.dtype == torch.float32 and error.max() < 0.5
    assert {cache.keys.dtype for cache in state.past or ()} == {torch.bfloat16}


@needs_a_compiler
@pytest.mark.slow
@pytest.mark.exhaustive
def test_there_is_no_limit_on_the_models_of_a_process() -> None:
    # torch makes 8 programs of one function at most; here, as many as one model needs.
    with torch._dynamo.config.patch(recompile_limit=1):
        for _ in range(3):
            gpt = random_gpt()
            step = CompiledStep(copy.deepcopy(gpt))
            expected = gpt.generate([[1, 2, 3]], 5)
            assert step.gpt.generate([[1, 2, 3]], 5, step=step) == expected


@pytest.mark.slow
def test_a_compiler_that_fails_is_an_error() -> None:
    step = None
    broken = torch._inductor.config.patch({"cpp.cxx": (None, "false")})
    with broken, pytest.raises(UserError, match=r"torch.compile failed: .+; on a CPU it needs"):
        step = CompiledStep(random_gpt(d_model=40))
        step.gpt.generate([[1, 2, 3]], 5, step=step)
    assert step is not None


def test_int8_is_an_error() -> None:
    with pytest.raises(UserError, match="a compiled step is for fp32 and bf16; found int8"):
        CompiledStep(random_gpt(), "int8")


def test_no_compiler_is_an_error() -> None:
    message = r"needs a C\+\+ compiler \(no-such-compiler\), and there is none"
    other = torch._inductor.config.patch({"cpp.cxx": (None, "no-such-compiler")})
    with other, pytest.raises(UserError, match=message):
        CompiledStep(random_gpt())
