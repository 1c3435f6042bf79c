"""Training and prediction: GRPO with LoRA on a vision-language model, and its chains as a table."""
