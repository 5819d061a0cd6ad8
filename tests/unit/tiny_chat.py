"""A causal language model of a few thousand weights with a tokenizer and a chat template, made from nothing for tests."""

from __future__ import annotations

from pathlib import Path

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def tiny_chat(folder: Path) -> str:
    """Write the model to a folder; returns its name. Its tokens are bytes, so it can say anything."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    vocabulary = {letter: number for number, letter in enumerate([*letters, *special])}
    bytewise = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise.decoder = decoders.ByteLevel()
    bytewise.add_special_tokens(special)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytewise, eos_token="<|end|>", pad_token="<|end|>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=len(vocabulary), hidden_size=32, initializer_range=0.2, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=2048,
            eos_token_id=vocabulary["<|end|>"], bos_token_id=None, pad_token_id=vocabulary["<|end|>"],
        )  # fmt: skip
        LlamaForCausalLM(config).save_pretrained(folder)
    return str(folder)
