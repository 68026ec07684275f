"""SentencePiece-BPE over a GGUF vocabulary, and the choice of a sub-vocabulary that encodes in the same way."""
import heapq

SPACE = "\u2581"
UNK, BOS, EOS = 0, 1, 2
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6


class Vocab:
    def __init__(self, tokens, scores, types):
        self.tokens, self.scores, self.types = list(tokens), list(scores), list(types)
        self.ids = {t: i for i, t in enumerate(self.tokens) if self.types[i] == NORMAL}
        self.bytes = [None] * 256
        for i, t in enumerate(self.tokens):
            if self.types[i] == BYTE:
                self.bytes[int(t[3:5], 16)] = i

    @classmethod
    def from_gguf(cls, g):
        return cls(g.kv["tokenizer.ggml.tokens"], g.kv["tokenizer.ggml.scores"], g.kv["tokenizer.ggml.token_type"])

    def merge(self, text, made=None):
        """Merge adjacent pairs, highest score first, leftmost on ties; every piece formed goes into `made`."""
        part = list(text)
        nxt = list(range(1, len(part))) + [-1]
        prv = list(range(-1, len(part) - 1))
        heap = []

        def offer(a):
            b = nxt[a]
            if b >= 0:
                i = self.ids.get(part[a] + part[b])
                if i is not None:
                    heapq.heappush(heap, (-self.scores[i], a, b, part[a] + part[b]))

        for a in range(len(part) - 1):
            offer(a)
        while heap:
            _, a, b, joined = heapq.heappop(heap)
            if part[a] is None or part[b] is None or nxt[a] != b or part[a] + part[b] != joined:
                continue
            part[a], part[b] = joined, None
            if made is not None:
                made.add(joined)
            nxt[a] = nxt[b]
            if nxt[a] >= 0:
                prv[nxt[a]] = a
            if prv[a] >= 0:
                offer(prv[a])
            offer(a)
        return [p for p in part if p is not None]

    def encode(self, text, bos=True):
        out = [BOS] if bos else []
        if not text:
            return out
        for p in self.merge(SPACE + text.replace(" ", SPACE)):
            i = self.ids.get(p)
            if i is not None:
                out.append(i)
            else:
                out += [self.bytes[b] if self.bytes[b] is not None else UNK for b in p.encode("utf-8")]
        return out

    def decode(self, ids):
        out = b""
        for i in ids:
            if self.types[i] == BYTE:
                out += bytes([int(self.tokens[i][3:5], 16)])
            elif self.types[i] == NORMAL:
                out += self.tokens[i].replace(SPACE, " ").encode("utf-8")
        s = out.decode("utf-8", "replace")
        return s[1:] if s.startswith(" ") else s


def choose(full, counts, size):
    """Ids of the sub-vocabulary, in the original order.

    Always in: unk, bos, eos, the 256 bytes, the space mark and printable ASCII. Then whole tokens by falling count,
    each with every piece that its own merge passes through, until `size` ids are taken.
    """
    keep = {i for i, t in enumerate(full.types) if t != NORMAL}
    for ch in [SPACE] + [chr(c) for c in range(33, 127)]:
        if ch in full.ids:
            keep.add(full.ids[ch])
    order = sorted((i for i in range(len(counts)) if counts[i] > 0), key=lambda i: (-counts[i], i))
    for i in order:
        if full.types[i] != NORMAL or i in keep:
            continue
        made = set()
        rest = full.merge(full.tokens[i], made)
        if rest != [full.tokens[i]]:
            continue                                    # not reachable by merging: it never appears in encoded text
        need = {full.ids[p] for p in made} | {full.ids[c] for c in full.tokens[i] if c in full.ids}
        if len(keep | need) > size:
            continue
        keep |= need
        if len(keep) == size:
            break
    return sorted(keep)
