"""The corpus on disk as stories, and their packing into training rows."""
import glob
import os

import numpy as np


class Corpus:
    """Stories as slices of flat arrays x, y, ids, probs. Stream s is held out when s < held."""

    def __init__(self, folder, held, best=None, limit=None):
        parts = sorted(glob.glob(os.path.join(folder, "part-*.npz")))[:limit]
        if not parts:
            raise SystemExit("no part-*.npz in " + folder)
        loaded = [np.load(p) for p in parts]

        def flat(name):
            a = np.concatenate([p[name] for p in loaded])           # [steps, streams, ...]
            if best and a.ndim == 3:
                a = a[:, :, :best]
            return np.ascontiguousarray(a.swapaxes(0, 1)).reshape((-1,) + a.shape[2:]), a.shape[:2]

        first, (steps, streams) = flat("first")
        self.x, self.y, self.ids, self.probs = (flat(n)[0] for n in ("x", "y", "ids", "probs"))
        begin = np.nonzero(first)[0]
        end = np.append(begin[1:], len(first))
        end = np.minimum(end, (begin // steps + 1) * steps)        # a story ends with its stream's file at the latest
        is_held = begin // steps < held
        self.train = np.stack([begin, end - begin], 1)[~is_held]
        self.held = np.stack([begin, end - begin], 1)[is_held]

    def pack(self, stories, width, rng):
        """Rows of stories, each row at most `width` tokens: best fit, in random order. A longer story is cut."""
        stories = stories[rng.permutation(len(stories))]
        rows, room_of = [], [[] for _ in range(width + 1)]
        least = 8
        for begin, n in stories:
            n = int(min(n, width))
            for room in range(n, width + 1):
                if room_of[room] and room < width:
                    r = room_of[room].pop()
                    rows[r].append((begin, n))
                    left = room - n
                    break
            else:
                rows.append([(begin, n)])
                r, left = len(rows) - 1, width - n
            if left >= least:
                room_of[left].append(r)
        order = rng.permutation(len(rows))
        return [rows[i] for i in order]

    def batch(self, rows, width):
        """Arrays for some packed rows: x, y, story number (-1 on padding), ids, probs (fp16)."""
        n, k = len(rows), self.ids.shape[1]
        x = np.zeros((n, width), np.int64)
        y = np.zeros((n, width), np.int64)
        doc = np.full((n, width), -1, np.int32)
        ids = np.zeros((n, width, k), np.int64)
        probs = np.zeros((n, width, k), np.float32)
        for r, row in enumerate(rows):
            at = 0
            for d, (b, m) in enumerate(row):
                s = slice(at, at + m)
                x[r, s], y[r, s], doc[r, s] = self.x[b:b + m], self.y[b:b + m], d
                ids[r, s], probs[r, s] = self.ids[b:b + m], self.probs[b:b + m]
                at += m
        return x, y, doc, ids, probs
