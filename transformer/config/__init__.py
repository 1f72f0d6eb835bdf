"""Settings: what there are (`settings`), and how they come from a file and a command line."""

from .base import (
    MAX_ALPHA,
    MAX_BEAM_SIZE,
    MAX_COUNT,
    MAX_EXTRA_TOKENS,
    MAX_NGRAM,
    MAX_PATIENCE,
    MAX_THREADS,
    MAX_TOKENS,
    ConfigError,
    expand_path,
)
from .data import CleaningConfig, DataConfig, SourceConfig, TokenizerConfig
from .decoding import DecodingConfig, TextConfig
from .loading import load_config
from .model import BlockConfig, GPTConfig, ModelConfig
from .settings import Config, describe_settings, setting_paths
from .training import TrainingConfig

__all__ = [
    "MAX_ALPHA",
    "MAX_BEAM_SIZE",
    "MAX_COUNT",
    "MAX_EXTRA_TOKENS",
    "MAX_NGRAM",
    "MAX_PATIENCE",
    "MAX_THREADS",
    "MAX_TOKENS",
    "BlockConfig",
    "CleaningConfig",
    "Config",
    "ConfigError",
    "DataConfig",
    "DecodingConfig",
    "GPTConfig",
    "ModelConfig",
    "SourceConfig",
    "TextConfig",
    "TokenizerConfig",
    "TrainingConfig",
    "describe_settings",
    "expand_path",
    "load_config",
    "setting_paths",
]
