"""The table of parts: short name -> where the class is. One line here buys a part its config name, the law tests, the
reference page, the CLI listing and a row in the leaderboard. Outsiders write `use = "package.module:Class"`.
"""

from __future__ import annotations

import importlib

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


def class_of(use: str) -> type:
    """The class of a short name or of "package.module:Class". Raises SettingError, naming what there is."""
    where = next((table[use] for table in PARTS.values() if use in table), use)
    module, colon, name = where.partition(":")
    if not colon:
        known = ", ".join(sorted(short for table in PARTS.values() for short in table))
        raise SettingError(f"no part is called '{use}'. Known: {known}; or write 'package.module:Class'")
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
