"""From raw pictures to a vision-language model whose explanations agree with people's."""

__version__ = "0.1.0"
