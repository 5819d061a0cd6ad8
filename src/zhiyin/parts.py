"""The table of parts: short name -> where the class is. One line here buys a part its config name, the law tests, the
reference page, the CLI listing and a row in the leaderboard. Outsiders write `use = "package.module:Class"`.
"""

from __future__ import annotations

import importlib
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from zhiyin.errors import MissingExtra, SettingError

STAGES = ("encode", "retrieve", "filter", "rank", "rerank", "explain")

PARTS: dict[str, dict[str, str]] = {
    "encode": {
        "minilm": "zhiyin.encoders.minilm:MiniLM",
        "e5": "zhiyin.encoders.e5:E5",
        "huggingface": "zhiyin.encoders.huggingface:HuggingFace",
        "finetuned": "zhiyin.encoders.finetuned:Finetuned",
        "hashing": "zhiyin.encoders.hashing:Hashing",
        "clip": "zhiyin.encoders.clip:CLIP",
        "vit": "zhiyin.encoders.vit:ViT",
        "efficientnet": "zhiyin.encoders.efficientnet:EfficientNet",
        "fused": "zhiyin.encoders.fused:Fused",
    },
    "retrieve": {
        "popular": "zhiyin.retrieval.popular:Popular",
        "transition": "zhiyin.retrieval.transition:Transition",
        "trending": "zhiyin.retrieval.trending:Trending",
        "fresh": "zhiyin.retrieval.fresh:Fresh",
        "segment": "zhiyin.retrieval.segment:Segment",
        "item_knn": "zhiyin.retrieval.item_knn:ItemKNN",
        "user_knn": "zhiyin.retrieval.user_knn:UserKNN",
        "ease": "zhiyin.retrieval.ease:Ease",
        "als": "zhiyin.retrieval.als:ALS",
        "graph": "zhiyin.retrieval.graph:Graph",
        "social": "zhiyin.retrieval.social:Social",
        "next_item": "zhiyin.retrieval.next_item:NextItem",
        "two_tower": "zhiyin.retrieval.two_tower:TwoTower",
        "joint": "zhiyin.retrieval.joint:Joint",
        "generative": "zhiyin.retrieval.generative:Generative",
        "bm25": "zhiyin.retrieval.bm25:BM25",
        "content": "zhiyin.retrieval.content:Content",
        "dense": "zhiyin.retrieval.dense:Dense",
        "interests": "zhiyin.retrieval.interests:Interests",
        "bridge": "zhiyin.retrieval.bridge:Bridge",
    },
    "filter": {
        "allowed": "zhiyin.reranking.filters:Allowed",
    },
    "rank": {
        "blend": "zhiyin.ranking.blend:Blend",
        "listwise": "zhiyin.ranking.listwise:Listwise",
        "boosted": "zhiyin.ranking.boosted:Boosted",
        "wide_deep": "zhiyin.ranking.wide_deep:WideDeep",
        "deepfm": "zhiyin.ranking.deepfm:DeepFM",
        "din": "zhiyin.ranking.din:DIN",
        "dgf": "zhiyin.ranking.dgf:DGF",
        "multitask": "zhiyin.ranking.multitask:MultiTask",
        "cross_encoder": "zhiyin.ranking.cross_encoder:CrossEncoder",
        "llm": "zhiyin.ranking.llm:LLM",
    },
    "rerank": {
        "rules": "zhiyin.reranking.rules:Rules",
        "mmr": "zhiyin.reranking.mmr:MMR",
        "dpp": "zhiyin.reranking.dpp:DPP",
        "calibrated": "zhiyin.reranking.calibrated:Calibrated",
        "novel": "zhiyin.reranking.novel:Novel",
        "explore": "zhiyin.reranking.explore:Explore",
    },
    "explain": {
        "evidence": "zhiyin.explanation.evidence:Evidence",
        "templates": "zhiyin.explanation.templates:Templates",
        "rephrased": "zhiyin.explanation.rephrased:Rephrased",
    },
}

SHORT = {where: short for table in PARTS.values() for short, where in table.items()}
"""The same the other way round."""


ALLOW = "ZHIYIN_ALLOW_PARTS"
"""Names the modules whose parts a saved version may hold beside ours, between commas or spaces."""


def allowed_parts(folder: Path | None = None, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The modules, and "package.module:Class", that the operator allows saved versions to import from.

    They stand in the environment and in [parts] allow of a workspace's zhiyin.toml. Raises SettingError.
    """
    listed: object = []
    if folder is not None and (folder / "zhiyin.toml").is_file():
        try:
            listed = tomllib.loads((folder / "zhiyin.toml").read_text("utf-8")).get("parts", {}).get("allow", [])
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError) as error:
            raise SettingError(f"{folder / 'zhiyin.toml'}: [parts] cannot be read: {error}") from error
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise SettingError(f"{folder}/zhiyin.toml: [parts] allow = {listed!r}: must be a list of modules")
    return (*listed, *environment.get(ALLOW, "").replace(",", " ").split())


def class_of(use: str, allowed: Sequence[str] | None = None) -> type:
    """The class of a short name or of "package.module:Class".

    allowed: the modules and "package.module:Class" that may be imported beside ours; None for any, where a person wrote
    the name. Raises SettingError, naming what there is.
    """
    where = next((table[use] for table in PARTS.values() if use in table), use)
    module, colon, name = where.partition(":")
    if not colon:
        known = ", ".join(sorted(short for table in PARTS.values() for short in table))
        raise SettingError(f"no part is called '{use}'. Known: {known}; or write 'package.module:Class'")
    if allowed is not None and where not in SHORT and not {where, module} & set(allowed):
        raise SettingError(
            f"part '{use}': it is none of ours, and a saved version may import only what the operator allows: set "
            f'{ALLOW}={module} (or [parts] allow = ["{module}"] in zhiyin.toml) if you trust it'
        )
    try:
        found = getattr(importlib.import_module(module), name)
    except MissingExtra:
        raise
    except (ImportError, AttributeError) as error:
        raise SettingError(f"part '{use}': cannot import {where} ({error})") from error
    if not isinstance(found, type):
        raise SettingError(f"part '{use}': {where} is not a class")
    return found


def name_of(cls: type) -> str:
    """The short name of a class, or "package.module:Class" for an outsider's."""
    where = f"{cls.__module__}:{cls.__qualname__}"
    return SHORT.get(where, where)


def stage_of(use: str) -> str | None:
    """The stage a short name belongs to, None for an outsider's part."""
    return next((stage for stage, table in PARTS.items() if use in table), None)
