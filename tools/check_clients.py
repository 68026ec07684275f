#!/usr/bin/env python3
"""Real clients against a running server, unchanged: openai, litellm, LangChain and lm-evaluation-harness (Python packages), promtool, curl.
Starts `trit serve` itself, tells what each client did, and names those that are not installed. Fails where one failed.

    python3 -m pip install openai litellm langchain-openai 'lm_eval[api]'
    tools/check_clients.py build/release/trit [-m MODEL]
"""
import argparse
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("program")
parser.add_argument("-m", "--model", default="", help="without it the model inside the program")
args = parser.parse_args()
options = ["-m", args.model] if args.model else []
TEMPLATE = "{% for m in messages %}{{ m.content }}\n{% endfor %}"
MESSAGES = [{"role": "user", "content": "Once upon a time"}]
os.environ.update(HF_HUB_OFFLINE="1", LITELLM_LOCAL_MODEL_COST_MAP="True", TQDM_DISABLE="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1")


class Lacking(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Lacking(what)


def get(path):
    return subprocess.run(["curl", "-sS", "--fail", url + path], check=True, capture_output=True, text=True).stdout


# ---- Each returns what it saw, and raises where that is not what it should be ----

def check_openai():
    import openai
    client = openai.OpenAI(base_url=url + "/v1", api_key="any")
    name = client.models.list().data[0].id
    ask = {"model": name, "messages": MESSAGES, "max_tokens": 12, "temperature": 0}
    whole = client.chat.completions.create(**ask, logprobs=True, top_logprobs=2)
    text = whole.choices[0].message.content
    assert len(whole.choices[0].logprobs.content) == whole.usage.completion_tokens == 12
    pieces, usage = [], None
    for chunk in client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True}):
        pieces += [choice.delta.content or "" for choice in chunk.choices]
        usage = chunk.usage or usage
    assert "".join(pieces) == text and usage.completion_tokens == 12
    several = client.completions.create(model=name, prompt=["Once", "One day"], n=2, max_tokens=4, seed=1)
    assert [c.index for c in several.choices] == [0, 1, 2, 3]
    form = {"type": "json_schema", "json_schema": {"name": "pet", "strict": True, "schema": {
        "type": "object", "properties": {"kind": {"enum": ["cat", "dog"]}, "legs": {"type": "integer"}}, "required": ["kind", "legs"],
        "additionalProperties": False}}}
    pet = json.loads(client.chat.completions.create(**dict(ask, max_tokens=40), response_format=form).choices[0].message.content)
    assert pet["kind"] in ("cat", "dog") and isinstance(pet["legs"], int)
    for mistake, error in (({"temperature": 1000}, openai.BadRequestError), ({"model": "absent"}, openai.NotFoundError)):
        try:
            client.chat.completions.create(**{**ask, **mistake})
        except error as e:
            assert e.code and e.param
        else:
            raise AssertionError(f"{mistake} is taken")
    return f"openai {openai.__version__}: models, chats whole and streamed, log probabilities, four texts at once, {pet}, errors"


def check_openai_async():
    import asyncio
    import openai

    async def run():
        client = openai.AsyncOpenAI(base_url=url + "/v1", api_key="any", max_retries=20)
        ask = {"model": "any", "prompt": "Once upon a time", "max_tokens": 8, "temperature": 0}
        ask["model"] = (await client.models.list()).data[0].id
        answers = await asyncio.gather(*(client.completions.create(**ask) for _ in range(24)))
        assert len({a.choices[0].text for a in answers}) == 1
        async with await client.completions.create(**dict(ask, max_tokens=200), stream=True) as stream:
            async for _ in stream:
                break  # leaves in the middle
    asyncio.run(run())
    for _ in range(100):
        if json.loads(get("/slots")) == []:
            return f"openai {openai.__version__}, asynchronous: 24 requests at once, equal answers; a stream that is left is given up"
        time.sleep(0.1)
    raise AssertionError("the answer goes on")


CITY = {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"], "additionalProperties": False}


def check_tools():
    import openai
    client = openai.OpenAI(base_url=url + "/v1", api_key="any")
    tools = [{"type": "function", "function": {"name": "weather", "parameters": CITY, "strict": True}}]
    ask = {"model": model, "messages": MESSAGES, "tools": tools, "tool_choice": "required", "parallel_tool_calls": False, "seed": 1}
    choice = client.chat.completions.create(**ask).choices[0]
    call = choice.message.tool_calls[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None and call.type == "function" and call.function.name == "weather"
    assert json.loads(call.function.arguments)["city"] in ("Paris", "Rome")
    with client.beta.chat.completions.stream(**ask) as stream:
        streamed = stream.get_final_completion().choices[0].message.tool_calls[0].function
    assert (streamed.name, streamed.arguments) == (call.function.name, call.function.arguments)
    talk = MESSAGES + [choice.message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "rain"}]
    assert client.chat.completions.create(**dict(ask, messages=talk, tool_choice="none", max_tokens=8)).choices[0].message.content
    return f"openai {openai.__version__}, tools: {call.function.name}({call.function.arguments}), the same streamed, and its result answered"


def check_litellm():
    import litellm
    from importlib.metadata import version
    ask = {"model": "openai/" + model, "api_base": url + "/v1", "api_key": "any", "messages": MESSAGES, "max_tokens": 12, "temperature": 0}
    text = litellm.completion(**ask).choices[0].message.content
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in litellm.completion(**ask, stream=True))
    assert text and streamed == text
    more = litellm.text_completion(model="text-completion-openai/" + model, api_base=url + "/v1", api_key="any", prompt="Once", max_tokens=4)
    assert more.choices[0].text
    return f"litellm {version('litellm')}: chats whole and streamed, a text"


def check_langchain():
    from importlib.metadata import version
    from langchain_openai import ChatOpenAI, OpenAI
    chat = ChatOpenAI(base_url=url + "/v1", api_key="any", model=model, max_tokens=12, temperature=0)
    answer = chat.invoke("Once upon a time")
    assert answer.usage_metadata["output_tokens"] == 12
    assert "".join(chunk.content for chunk in chat.stream("Once upon a time")) == answer.content
    assert [a.content for a in chat.batch(["Once upon a time"] * 4)] == [answer.content] * 4
    pet = ChatOpenAI(base_url=url + "/v1", api_key="any", model=model, max_tokens=40).with_structured_output(
        {"title": "pet", "type": "object", "properties": {"legs": {"enum": [2, 4]}}, "required": ["legs"], "additionalProperties": False},
        method="json_schema").invoke("How many legs?")
    assert pet["legs"] in (2, 4)
    assert OpenAI(base_url=url + "/v1", api_key="any", model=model, max_tokens=4).invoke("Once")
    bound = chat.bind_tools([{"name": "weather", "description": "", "parameters": CITY}], tool_choice="weather", parallel_tool_calls=False)
    assert bound.bind(max_tokens=60).invoke("Rain?").tool_calls[0]["args"]["city"] in ("Paris", "Rome")
    return f"langchain-openai {version('langchain-openai')}: invoke, stream, batch, structured output, texts"


def check_embeddings():
    import openai
    from langchain_openai import OpenAIEmbeddings
    import litellm
    texts = ["Once upon a time", "The dog ran"]
    client = openai.OpenAI(base_url=url + "/v1", api_key="any")
    vectors = [v.embedding for v in client.embeddings.create(model=model, input=texts).data]
    plain = [v.embedding for v in client.embeddings.create(model=model, input=texts, encoding_format="float").data]
    chain = OpenAIEmbeddings(base_url=url + "/v1", api_key="any", model=model, check_embedding_ctx_length=False).embed_documents(texts)
    lite = [v["embedding"] for v in litellm.embedding(model="openai/" + model, api_base=url + "/v1", api_key="any", input=texts).data]
    for others in (plain, chain, lite):  # some ask for bytes, some for numbers in decimals
        assert all(abs(a - b) < 1e-6 for x, y in zip(vectors, others, strict=True) for a, b in zip(x, y, strict=True))
    return f"openai, LangChain, litellm: vectors of {len(vectors[0])} numbers, the same by all"


CHOICES = [("Once upon a time, there was a little", ["girl", "blue sky", "the of"], 0), ("The dog was", ["happy", "because", "Lily"], 0),
           ("They played in the", ["said", "park", "sadly"], 1), ("Lily saw a big", ["and", "was", "tree"], 2),
           ("Tim said, \"Thank", ["you", "dog", "the"], 0), ("The sun was", ["shining", "ball", "she"], 0), ("She was", ["happy", "upon"], 1)]
WORDS = ["Once upon a time", "Lily loved to play with her toys", "The little dog ran to the park", "They lived happily ever after",
         "One day, Tim saw an elephant"]
TASKS = """
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
num_fewshot: 0
"""
CHOICE = """output_type: multiple_choice
doc_to_text: "{bos}{{{{query}}}}"
doc_to_target: gold
doc_to_choice: choices
metric_list: [{{metric: acc}}, {{metric: acc_norm}}]
"""
LAST_WORD = """output_type: loglikelihood
doc_to_text: "{bos}{{{{text.split(' ')[:-1] | join(' ')}}}}"
doc_to_target: "{{{{' ' + text.split(' ')[-1]}}}}"
metric_list: [{{metric: perplexity}}, {{metric: acc}}]
"""


def evaluate(folder, name, records):
    """What `trit eval tasks` makes of the records."""
    path = os.path.join(folder, name + ".jsonl")
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(json.dumps(r) + "\n" for r in records)
    out = subprocess.run([args.program, "eval", "tasks", "--json", "--records", *options, path], check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def check_lm_eval():
    import lm_eval
    from importlib.metadata import version
    from lm_eval.tasks import TaskManager
    logging.disable(logging.WARNING)
    # It gives a server's texts no begin token by itself; the tasks do, where the model wants one.
    begin = json.loads(subprocess.run(["curl", "-sS", url + "/tokenize", "-d", '{"content": "", "add_special": true}'], check=True,
                                      capture_output=True, text=True).stdout)["tokens"]
    bos = json.loads(get("/tokenizer_info"))["bos_token"] if begin else ""
    with tempfile.TemporaryDirectory() as folder:
        ours = {"choice": evaluate(folder, "choice", [{"query": q, "choices": c, "gold": g} for q, c, g in CHOICES]),
                "word": evaluate(folder, "word", [{"text": t} for t in WORDS])}
        for name, form in (("choice", CHOICE), ("word", LAST_WORD)):
            with open(os.path.join(folder, name + ".yaml"), "w", encoding="utf-8") as f:
                f.write((TASKS + form).format(name=name, file=os.path.join(folder, name + ".jsonl"), bos=bos))
        os.environ["HF_DATASETS_CACHE"] = folder
        context = json.loads(get("/v1/models"))["data"][0]["context_length"]
        theirs = lm_eval.simple_evaluate(model="local-completions", tasks=["choice", "word"], task_manager=TaskManager(include_path=folder),
                                         model_args={"base_url": url + "/v1/completions", "model": model, "max_length": context, "num_concurrent": 4},
                                         log_samples=True, bootstrap_iters=0)
    acc, norm = (theirs["results"]["choice"][m + ",none"] for m in ("acc", "acc_norm"))
    assert (acc, norm) == (ours["choice"]["acc"], ours["choice"]["acc_norm"]), (theirs["results"], ours)
    samples = sorted(theirs["samples"]["choice"], key=lambda s: s["doc_id"])
    farthest = max(abs(a[0][0] - b) for s, row in zip(samples, ours["choice"]["logprobs"]) for a, b in zip(s["resps"], row))
    assert farthest < 1e-3, farthest
    ppl, word_acc = (theirs["results"]["word"][m + ",none"] for m in ("perplexity", "acc"))
    assert abs(ppl / ours["word"]["ppl"] - 1) < 1e-4 and word_acc == ours["word"]["acc"], (theirs["results"], ours)
    return (f"lm_eval {version('lm_eval')}, local-completions with the server's own tokenizer: acc {acc:.4f}, acc_norm {norm:.4f}, last words acc "
            f"{word_acc:.2f}, ppl {ppl:.4f}: those of `trit eval tasks`; log probabilities differ by {farthest:.1e} at most")


def check_promtool():
    need(shutil.which("promtool"), "promtool (Debian: prometheus)")
    done = subprocess.run(["promtool", "check", "metrics"], input=get("/metrics"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return "promtool check metrics: nothing to complain of"


def check_curl():
    done = subprocess.run(["curl", "-sSN", url + "/v1/completions", "-d", json.dumps({"prompt": "Once upon a time", "max_tokens": 16, "stream": True})],
                          capture_output=True, text=True, check=True).stdout
    events = done.strip().split("\n\n")
    assert events[-1] == "data: [DONE]" and len(events) == 17, done
    assert all(json.loads(e.removeprefix("data: "))["object"] == "text_completion" for e in events[:-1])
    return "curl: 16 server-sent events and their end"




def start(folder):
    template = os.path.join(folder, "template")
    with open(template, "w", encoding="utf-8") as f:
        f.write(TEMPLATE)
    process = subprocess.Popen([args.program, "serve", "--port", "0", "--json", "--chat-template", template, *options], stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    if not line:
        sys.exit("the server did not start")
    return process, json.loads(line)["url"]


failed = 0
with tempfile.TemporaryDirectory() as place:
    server, url = start(place)
    model = json.loads(get("/v1/models"))["data"][0]["id"]
    for check in (check_curl, check_promtool, check_openai, check_openai_async, check_tools, check_litellm, check_langchain, check_embeddings,
                  check_lm_eval):
        try:
            print("ok     ", check(), flush=True)
        except (Lacking, ImportError) as e:
            print("lacking", e, flush=True)
        except Exception as e:  # whatever a client raises is what we are after
            failed += 1
            print("FAILED ", check.__name__, f"{type(e).__name__}: {e}", flush=True)
    server.send_signal(signal.SIGTERM)
    if server.wait(60):
        failed += 1
        print(f"FAILED  the server ended with {server.returncode}")
sys.exit(failed != 0)
