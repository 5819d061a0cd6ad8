"""huggingface: an instruct model in this process through transformers: a folder, a GGUF file, or either with an adapter.

Slower than llama.cpp (see local), but any architecture and any fine-tuned adapter runs. Folders come from anyone:
weights are read from safetensors only and no code in them runs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from safetensors import SafetensorError

from zhiyin.arrays import Array
from zhiyin.errors import ModelError, first_line, require
from zhiyin.llm.local import gguf_file
from zhiyin.llm.messages import as_chat
from zhiyin.llm.schema import for_grammar
from zhiyin.ports import Call, Reply

_loading = Lock()
_running = Lock()


@dataclass(frozen=True)
class HuggingFace:
    """A chat model read by transformers. model: a folder, a .gguf file, or "" for SmolLM2. adapter: a folder of LoRA weights.

    context: tokens of prompt and reply together.
    """

    model: str = ""
    adapter: str = ""
    context: int = 4096

    @property
    def identity(self) -> str:
        """See LanguageModel. Names model and adapter by their content."""
        return f"hf:{_content(self.model)}" + (f"+{_content(self.adapter)}" if self.adapter else "")

    def complete(self, call: Call) -> Reply:
        """See LanguageModel. Raises ModelError, also when the time is up."""
        started = time.perf_counter()
        model, tokenizer = load(self.model, self.adapter)
        prompt = tokenizer.apply_chat_template(as_chat(call.messages), add_generation_prompt=True, tokenize=True)
        ids = list(prompt["input_ids"] if isinstance(prompt, Mapping) else prompt)
        if len(ids) + call.max_tokens > self.context:
            raise ModelError(
                f"{self.identity}: {len(ids)} tokens and {call.max_tokens} to come; context is {self.context}"
            )
        bounds = _Bounds(tokenizer, call.schema) if call.schema is not None else None
        said: list[int] = []
        with _running:
            for token in _tokens(model, ids, call.temperature, np.random.default_rng(call.seed), bounds):
                if call.timeout is not None and time.perf_counter() - started > call.timeout:
                    raise ModelError(f"{self.identity}: no reply within {call.timeout:g} s")
                if token == tokenizer.eos_token_id:
                    break
                said.append(token)
                if len(said) == call.max_tokens:
                    break
        text = tokenizer.decode(said, skip_special_tokens=True)
        return Reply(text, self.identity, len(ids), len(said), time.perf_counter() - started)


class _Bounds:
    """A JSON schema as a mask over the next token."""

    def __init__(self, tokenizer: Any, schema: Mapping[str, Any]) -> None:
        guidance = require("llguidance", "llamacpp")
        hf = require("llguidance.hf", "llamacpp")
        self.masks = require("llguidance.numpy", "llamacpp")
        grammar = guidance.LLMatcher.grammar_from_json_schema(json.dumps(for_grammar(schema)))
        tokens = hf.from_tokenizer(tokenizer)
        self.matcher = guidance.LLMatcher(tokens, grammar)
        if self.matcher.is_error():
            raise ModelError(f"the schema cannot be made a grammar: {self.matcher.get_error()}")
        self.bits = self.masks.allocate_token_bitmask(1, tokens.vocab_size)

    def apply(self, logits: Array) -> None:
        """Rule out every token that would leave the schema. logits: [vocabulary], changed in place."""
        self.masks.fill_next_token_bitmask(self.matcher, self.bits)
        self.masks.apply_token_bitmask_inplace(logits[None], self.bits)

    def take(self, token: int) -> bool:
        """Go on by a token; False when the reply is complete."""
        return bool(self.matcher.consume_token(token)) and not self.matcher.is_stopped()


def _tokens(
    model: Any, ids: list[int], temperature: float, chance: np.random.Generator, bounds: _Bounds | None
) -> Iterator[int]:
    """The reply's tokens, one by one, without end."""
    torch = require("torch", "hf")
    past, new = None, ids
    while True:
        with torch.no_grad():
            out = model(input_ids=torch.tensor([new]), past_key_values=past, use_cache=True)
        logits = out.logits[0, -1].float().numpy().copy()
        if bounds is not None:
            bounds.apply(logits)
        token = int(logits.argmax()) if temperature <= 0 else _drawn(logits / temperature, chance)
        yield token
        if bounds is not None and not bounds.take(token):
            return
        past, new = out.past_key_values, [token]


def _drawn(logits: Array, chance: np.random.Generator) -> int:
    weights = np.exp(logits.astype(np.float64) - logits.max())
    return int(chance.choice(len(weights), p=weights / weights.sum()))


def load(model: str = "", adapter: str = "") -> tuple[Any, Any]:
    """Model and tokenizer, from memory when they were loaded before. Raises ModelError."""
    with _loading:
        return _loaded(model, adapter)


@lru_cache(maxsize=2)
def _loaded(name: str, adapter: str) -> tuple[Any, Any]:
    torch, transformers = require("torch", "hf"), require("transformers", "hf")
    folder = Path(name)
    try:
        if name and folder.is_dir():
            if not any(folder.glob("*.safetensors")):
                raise ModelError(f"model folder {folder}: holds no *.safetensors; other weights may carry code")
            safe = {"trust_remote_code": False, "local_files_only": True}
            tokenizer = transformers.AutoTokenizer.from_pretrained(name, **safe)
            model = transformers.AutoModelForCausalLM.from_pretrained(
                name, use_safetensors=True, dtype=torch.float32, **safe
            )
        else:
            model, tokenizer = _from_gguf(gguf_file(name), torch, transformers)
        if adapter:
            if not (Path(adapter) / "adapter_model.safetensors").is_file():
                raise ModelError(f"adapter {adapter}: holds no adapter_model.safetensors")
            model = require("peft", "hf").PeftModel.from_pretrained(model, adapter, use_safetensors=True)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        why = first_line(error)
        raise ModelError(f"language model '{name}' cannot be loaded: {why}") from error
    if tokenizer.chat_template is None:
        raise ModelError(f"language model '{name}' has no chat template: name an instruct model")
    return model.eval(), tokenizer


def _from_gguf(file: Path, torch: Any, transformers: Any) -> tuple[Any, Any]:
    require("gguf", "llamacpp")
    where = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    tokenizer = transformers.AutoTokenizer.from_pretrained(**where)
    plain = transformers.GgufConfig(dequantize=True)
    return transformers.AutoModelForCausalLM.from_pretrained(
        **where, dtype=torch.float32, quantization_config=plain
    ), tokenizer


@lru_cache(maxsize=8)
def _content(name: str) -> str:
    folder = Path(name)
    if not name or not folder.is_dir():
        file = gguf_file(name)
        files = [file]
        label = file.stem
    else:
        files = sorted([*folder.glob("*.safetensors"), *folder.glob("*.json")])
        label = folder.name
    digest = blake2b(digest_size=8)
    for file in files:
        digest.update(file.name.encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return f"{label}@{digest.hexdigest()}"
