"""Questions that are about the same: their texts, clustered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from olmo_eval.extras import require
from olmo_eval.results.slices.members import LEAST, Slice

#: questions a cluster on average, and clusters at most
_QUESTIONS, _MOST = 60, 24
#: words that name a cluster
_WORDS = 4
_FEATURES = 20_000


def text_clusters(texts: Sequence[str], seed: int = 0) -> list[Slice]:
    """Clusters of the texts: TF-IDF of words and pairs of words, then k-means, both of
    scikit-learn. Each is called by the words that are the most its own. None where the texts are
    too few, or have no words.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
    """
    text, cluster = _sklearn("feature_extraction.text"), _sklearn("cluster")
    k = min(_MOST, len(texts) // _QUESTIONS, len(set(texts)) // 2)
    if k < 2:
        return []
    vectorizer = text.TfidfVectorizer(
        sublinear_tf=True,
        stop_words="english",
        min_df=2,
        max_df=0.5,
        max_features=_FEATURES,
        ngram_range=(1, 2),
        token_pattern=r"(?u)\b[^\W\d_]{2,}\b",  # numbers are no topic
    )
    try:
        matrix = vectorizer.fit_transform(texts)
    except ValueError:  # no word that several texts and not most of them have
        return []
    k = min(k, len({tuple(row.indices.tolist()) for row in matrix}))
    found = cluster.KMeans(n_clusters=k, n_init=3, random_state=seed).fit_predict(matrix)
    words = vectorizer.get_feature_names_out()
    overall = np.asarray(matrix.mean(axis=0)).ravel()
    slices = []
    for number in range(k):
        members = found == number
        if members.sum() >= LEAST:
            own = np.asarray(matrix[members].mean(axis=0)).ravel() - overall
            top = [str(words[i]) for i in np.argsort(-own, kind="stable")[:_WORDS] if own[i] > 0]
            slices.append(
                Slice("text", f"text: {', '.join(top) or 'none of the common words'}", members)
            )
    return slices


def _sklearn(module: str) -> Any:
    return require(
        f"sklearn.{module}",
        "pip install 'olmo-eval[slices]'",
        "slices by text clusters need scikit-learn",
    )
