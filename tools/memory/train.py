#!/usr/bin/env python3
"""A training loop in NumPy, for its allocations: a language model of two layers, cross entropy, Adam, batches of uneven length.

    TRIT_RECORD=train.trace TRIT_RECORD_LATER=1 LD_PRELOAD=$PWD/record.so tools/memory/train.py
"""
import ctypes

import numpy as np

VOCABULARY, DIM, HIDDEN, STEPS = 512, 64, 256, 40
rng = np.random.default_rng(1)
ctypes.CDLL(None).trit_record_start()
shapes = [(VOCABULARY, DIM), (DIM, HIDDEN), (HIDDEN,), (HIDDEN, VOCABULARY), (VOCABULARY,)]
weights = [rng.standard_normal(s, dtype=np.float32) * np.float32(0.05) for s in shapes]
means = [np.zeros_like(w) for w in weights]
squares = [np.zeros_like(w) for w in weights]
for step in range(1, STEPS + 1):
    n = int(rng.integers(64, 256))
    tokens = rng.integers(0, VOCABULARY, n)
    targets = (tokens * 7 + 3) % VOCABULARY
    table, w1, b1, w2, b2 = weights
    x = table[tokens]
    pre = x @ w1 + b1
    h = np.maximum(pre, 0) ** 2
    logits = h @ w2 + b2
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    loss = -np.log(p[np.arange(n), targets]).mean()
    d = p
    d[np.arange(n), targets] -= 1
    d /= n
    dh = (d @ w2.T) * 2 * np.maximum(pre, 0)
    dtable = np.zeros_like(table)
    np.add.at(dtable, tokens, dh @ w1.T)
    grads = [dtable, x.T @ dh, dh.sum(0), h.T @ d, d.sum(0)]
    for i, g in enumerate(grads):
        means[i] = 0.9 * means[i] + 0.1 * g
        squares[i] = 0.99 * squares[i] + 0.01 * g * g
        rate = 0.003 * means[i] / (1 - 0.9**step)
        weights[i] = (weights[i] - rate / (np.sqrt(squares[i] / (1 - 0.99**step)) + 1e-8)).astype(np.float32)
print("loss", loss)
