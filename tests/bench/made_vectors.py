"""Vectors that have neighbours, the same each time."""
import numpy as np


def vectors(rows, dimensions, queries):
    clusters, random = 1000, np.random.default_rng(1)
    normal = lambda *shape: random.standard_normal(shape, dtype=np.float32)  # noqa: E731
    centres, directions = normal(clusters, dimensions), normal(64, dimensions) / np.sqrt(dimensions)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)

    def some(count):
        found = centres[random.integers(0, clusters, count)] + normal(count, 64) @ directions * 0.09
        found += normal(count, dimensions) * np.float32(0.35 / np.sqrt(dimensions))
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)

    return some(rows), some(queries)
