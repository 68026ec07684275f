"""JSON Schemas at random, of every keyword that grammars take, and a model of random weights that answers by them through `trit serve` and
`trit run`: each answer is JSON that jsonschema (a Python package) finds valid. The same schemas and weights for the same seed.

    python3 tests/e2e/schemas.py --list -n 500 >schemas.jsonl
    python3 tests/e2e/schemas.py build/check/trit -n 500 --tokenizer tokenizer.json
"""
import argparse
import concurrent.futures
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

FORMATS = ["date", "time", "date-time", "duration", "uuid", "ipv4", "ipv6", "hostname", "email", "uri"]
PATTERNS = ["^[a-z]+$", "^[A-Z]{2,4}-\\d{3}$", "^(red|green|blue)( light)?$", "^\\+?[0-9 ]{5,16}$", "[aeiou]", "^[^\\s\"]{1,12}$", "^(ab|cd)*x",
            "^.{3,9}$", "\\d+\\.\\d{2}$", "^#[0-9a-fA-F]{6}$", "^(?:\\w+\\.)+\\w{2,5}$", "^\\u00e4[\\u00df-\\u00ff]{0,4}$"]
WORDS = ["name", "id", "age", "tags", "address", "street", "city", "price", "items", "unit", "\u00fcber", "first name", "a\"b", "x", "is_active", "createdAt",
         "\u65e5\u672c", "level", "$ref", "type"]


class Schemas:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def one_of(self, *makers):
        return self.r.choice(makers)

    def maybe(self, p=0.5):
        return self.r.random() < p

    def number(self, kind):
        s = {"type": kind}
        low = self.r.randint(-1000, 1000) if kind == "integer" or self.maybe() else round(self.r.uniform(-50, 50), self.r.randint(0, 4))
        if self.maybe():
            s[self.r.choice(["minimum", "exclusiveMinimum"])] = low
        if self.maybe():
            s[self.r.choice(["maximum", "exclusiveMaximum"])] = low + self.r.choice([2, 7, 100, 12345])
        return s

    def string(self):
        s = {"type": "string"}
        kind = self.r.randrange(5)
        if kind == 0:
            s["minLength"] = self.r.randint(0, 20)
        if kind <= 1:
            s["maxLength"] = s.get("minLength", 0) + self.r.choice([0, 1, 5, 12, 30, 100, 400])
        if kind == 2:
            s["format"] = self.r.choice(FORMATS)
        if kind == 3:
            s["pattern"] = self.r.choice(PATTERNS)
        return s

    def listed(self):
        values = self.r.sample([1, -2.5, None, True, False, "red", "green", "a\nb", "\u00e9", [1, "x"], {"k": [None]}, "", 10**9], self.r.randint(1, 6))
        return {"enum": values} if self.maybe(0.8) else {"const": values[0]}

    def array(self, depth):
        s = {"type": "array"}
        n_first = 0
        if self.maybe(0.3):
            n_first = self.r.randint(1, 3)
            s["prefixItems"] = [self.schema(depth - 1) for _ in range(n_first)]
        if self.maybe(0.8):
            s["items"] = self.schema(depth - 1)
        if self.maybe():
            s["minItems"] = self.r.randint(0, 3)
        if self.maybe():
            s["maxItems"] = s.get("minItems", 0) + self.r.randint(0, 5)
        return s

    def object(self, depth):
        names = self.r.sample(WORDS, self.r.randint(0, 6))
        s = {"type": "object", "properties": {name: self.schema(depth - 1) for name in names}}
        s["required"] = [name for name in names if self.maybe()]
        if self.maybe(0.6):
            s["additionalProperties"] = self.r.choice([False, False, True]) if self.maybe(0.7) else self.schema(depth - 1)
        if self.maybe(0.2):
            s["description"] = "said to people"
        return s

    def any_of(self, depth):
        return {"anyOf": [self.schema(depth - 1) for _ in range(self.r.randint(1, 4))]}

    def one_kind(self, depth):
        branches = [{"type": "object", "properties": {"kind": {"const": k}, "value": self.schema(depth - 1)}, "required": ["kind", "value"]} for k in "abc"]
        return {"oneOf": branches[:self.r.randint(1, 3)] + [{"type": "null"}]}

    def all_of(self):
        low = self.r.randint(-9, 9)
        return {"allOf": [{"type": "integer"}, {"minimum": low}, {"maximum": low + self.r.randint(0, 30)}]}

    def leaf(self):
        return self.r.choice([self.string, self.string, lambda: self.number("integer"), lambda: self.number("number"), lambda: {"type": "boolean"},
                              lambda: {"type": "null"}, self.listed, self.all_of, lambda: {"type": ["string", "integer", "null"]}])()

    def schema(self, depth):
        if depth <= 0 or self.maybe(0.35):
            return self.leaf()
        return self.r.choice([self.object, self.object, self.array, self.any_of, self.one_kind])(depth)

    def tree(self):
        return {"$defs": {"node": {"type": "object", "properties": {"value": self.schema(1), "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
                                   "required": ["value"], "additionalProperties": False}}, "$ref": "#/$defs/node"}

    def document(self):
        kind = self.r.random()
        if kind < 0.05:
            return self.tree()
        if kind < 0.1:
            return self.r.choice([{"type": "object"}, {"type": "array"}, {}])
        return self.object(3) if kind < 0.8 else self.schema(3)


def byte_letters():
    """How byte-level vocabularies write each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(others)}


def small_tokenizer():
    """Every byte, and pieces that JSON is made of: across its parts, too, and with parts of characters."""
    pieces = ['{"', '":', '": "', '", "', '"}', '"]', '}}', '],', '[{', '\\u00', '\\ud83d', '\\n', ' "', '  ', '\n    ', 'true', 'false', 'null',
              'name', 'ab', 'hello', ' world', '12', '2024', '-0', '.5', 'e+', '0.', '19', ': -', 'kind', 'value', 'A-', 'red"',
              '\u00fc', '\u65e5\u672c', '\u00e9t\u00e9', '\U0001f600']
    texts = [bytes([b]) for b in range(256)] + [p.encode() for p in pieces] + ["\u65e5".encode()[:2], '"\u65e5'.encode()[:3], "\U0001f600".encode()[1:]]
    letters = byte_letters()
    vocab = {"".join(letters[b] for b in text): i for i, text in enumerate(dict.fromkeys(texts))}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    end = {"id": len(vocab), "content": "<|end|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [end], "normalizer": None, "pre_tokenizer": level, "post_processor": None,
            "decoder": level, "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                                        "fuse_unk": False, "byte_fallback": False, "vocab": vocab, "merges": []}}


def write_model(folder, tokenizer, seed):
    """One layer of random weights, as a folder of Hugging Face's."""
    r = random.Random(seed)
    n_vocab = 1 + max(*tokenizer["model"]["vocab"].values(), *(t["id"] for t in tokenizer["added_tokens"]))
    end = next(t["id"] for t in tokenizer["added_tokens"] if "end" in t["content"])
    dim, ff = 64, 128
    shapes = {"model.embed_tokens.weight": [n_vocab, dim], "model.norm.weight": [dim]}
    for part in ["q_proj", "k_proj", "v_proj", "o_proj"]:
        shapes[f"model.layers.0.self_attn.{part}.weight"] = [dim, dim]
    shapes |= {f"model.layers.0.mlp.{part}_proj.weight": [ff, dim] if part != "down" else [dim, ff] for part in ["gate", "up", "down"]}
    shapes |= {f"model.layers.0.{norm}_layernorm.weight": [dim] for norm in ["input", "post_attention"]}
    head, at, data = {}, 0, []
    sign_and_exponent = bytes([0x3C, 0x3D, 0xBC, 0xBD][i % 4] for i in range(256))
    for name, shape in shapes.items():
        n = shape[0] * (shape[1] if len(shape) > 1 else 1)
        weights = bytearray(r.randbytes(2 * n))  # bfloat16 of 2^-7 to 2^-4
        weights[1::2] = weights[1::2].translate(sign_and_exponent)
        head[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + 2 * n]}
        data.append(weights)
        at += 2 * n
    head = json.dumps(head).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head + b"".join(data))
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": dim, "intermediate_size": ff, "num_hidden_layers": 1,
              "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": n_vocab, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
              "rope_theta": 10000.0, "tie_word_embeddings": True, "hidden_act": "silu", "torch_dtype": "bfloat16", "eos_token_id": end}
    for name, value in [("config.json", config), ("tokenizer.json", tokenizer)]:
        with open(os.path.join(folder, name), "w") as f:
            json.dump(value, f)


class Checks:
    def __init__(self, n_tokens):
        import jsonschema  # not for --list
        self.validator, self.formats = jsonschema.Draft202012Validator, jsonschema.Draft202012Validator.FORMAT_CHECKER
        self.n_tokens, self.n_bad = n_tokens, 0

    def take(self, where, schema, text):
        try:
            answer = json.loads(text)
            problem = next((e.message for e in self.validator(schema, format_checker=self.formats).iter_errors(answer)), None)
        except ValueError as e:
            problem = str(e)
        if problem:
            self.n_bad += 1
            print(f"{where}: {problem}\n  schema: {json.dumps(schema)}\n  answer: {text!r}")

    def ask_server(self, url, i, schema):
        body = {"prompt": "x", "max_tokens": self.n_tokens, "temperature": 1, "top_k": 0, "top_p": 1, "min_p": 0, "seed": i,
                "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}}
        try:
            with urllib.request.urlopen(urllib.request.Request(url + "/v1/completions", json.dumps(body).encode())) as answer:
                return json.load(answer)["choices"][0]["text"]
        except urllib.error.HTTPError as e:
            return e.read().decode()

    def serve(self, trit, model, schemas):
        server = subprocess.Popen([trit, "serve", "-m", model, "--port", "0", "--parallel", "8", "--json", "-q"], stdout=subprocess.PIPE, text=True)
        try:
            line = server.stdout.readline()
            if not line:
                sys.exit("the server did not start" if server.wait() != 2 else 77)
            url = json.loads(line)["url"]
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                for i, text in enumerate(pool.map(lambda i: self.ask_server(url, i, schemas[i]), range(len(schemas)))):
                    self.take(f"serve, schema {i}", schemas[i], text)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()

    def run(self, trit, model, i, schema):
        command = [trit, "run", "-m", model, "-q", "-n", str(self.n_tokens), "--seed", str(i), "--temp", "1", "--top-k", "0", "--top-p", "1", "--min-p", "0",
                   "--schema", "schema.json", "x"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.take(f"run, schema {i}", schema, done.stdout if done.returncode == 0 else done.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trit", nargs="?", help="the program")
    parser.add_argument("-n", type=int, default=20, help="schemas")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="print the schemas, one a line, and stop")
    parser.add_argument("--tokenizer", help="a byte-level tokenizer.json in place of a small one")
    parser.add_argument("--tokens", type=int, default=200, help="of an answer, at most")
    args = parser.parse_args()
    made = Schemas(args.seed)
    schemas = [made.document() for _ in range(args.n)]
    if args.list:
        print("\n".join(map(json.dumps, schemas)))
        return
    checks = Checks(args.tokens)
    with tempfile.TemporaryDirectory() as model:
        write_model(model, json.load(open(args.tokenizer)) if args.tokenizer else small_tokenizer(), args.seed)
        checks.serve(args.trit, model, schemas)
        for i in range(0, args.n, 10):
            with open("schema.json", "w") as f:
                json.dump(schemas[i], f)
            checks.run(args.trit, model, i, schemas[i])
    print(f"{args.n} schemas, {checks.n_bad} answers that are not valid")
    sys.exit(checks.n_bad > 0)


main()
