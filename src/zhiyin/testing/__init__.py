"""The laws every part obeys, as functions to run on your own parts, and made data to run them on.

    from zhiyin.testing import check_retriever, small_dataset

    def test_my_part() -> None:
        check_retriever(MyPart(), small_dataset(seed=0))

Each check raises AssertionError, naming the law that broke. Parts are given with settings and without what they learned;
the checks fit copies and leave the part itself alone.
"""

from zhiyin.testing.absurd import ABSURD, check_absurd, check_absurd_facts
from zhiyin.testing.erasing import check_erasure, dataset_to_erase_from
from zhiyin.testing.growing import check_extending
from zhiyin.testing.made import copy_of, made_candidates, odd_queries, small_dataset
from zhiyin.testing.motion import CHANGES, check_motion, check_restart, check_return, encoded
from zhiyin.testing.retrievers import check_retriever
from zhiyin.testing.saving import check_saving, check_toml
from zhiyin.testing.scale import check_scale, check_scale_of_recipe
from zhiyin.testing.stages import check_encoder, check_explainer, check_ranker, check_reranker, fitted_ranker

__all__ = [
    "ABSURD",
    "CHANGES",
    "check_absurd",
    "check_absurd_facts",
    "check_encoder",
    "check_erasure",
    "check_explainer",
    "check_extending",
    "check_motion",
    "check_ranker",
    "check_reranker",
    "check_restart",
    "check_retriever",
    "check_return",
    "check_saving",
    "check_scale",
    "check_scale_of_recipe",
    "check_toml",
    "copy_of",
    "dataset_to_erase_from",
    "encoded",
    "fitted_ranker",
    "made_candidates",
    "odd_queries",
    "small_dataset",
]
