"""The server's page in a real browser: a message is sent, streams, is stopped, answered anew, edited and there again after a reload; settings,
meters, keyboard, what a screen reader is told, light and dark, a phone. Chromium is driven through its DevTools pipe, so nothing else is needed.

TRIT_SCREENSHOTS=FOLDER leaves pictures there, by the fast kernels: those of docs/server.md.
"""
import base64
import contextlib
import fcntl
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

program = os.environ.get("TRIT_PROGRAM", "")
chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pictures = os.environ.get("TRIT_SCREENSHOTS")
if not os.access(program, os.X_OK) or not chromium:
    print("skipped: no program" if chromium else "skipped: no chromium")
    sys.exit(77)

patience = 120  # seconds: whoever waits longer for a step has been forgotten; a busy machine takes some
TEMPLATE = "{% for m in messages %}{{ m.content }}{% if not loop.last %}{{ '\\n' }}{% endif %}{% endfor %}"


class Server:
    def __init__(self, *options):
        # The slowest kernels: there is time to stop an answer.
        slow = {} if pictures else {"TRIT_CPU": "scalar"}
        self.process = subprocess.Popen([program, "serve", "--port", "0", "--json", "-t", "1", *options], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env=dict(os.environ, **slow))
        line = self.process.stdout.readline()
        if not line and "libmicrohttpd" in self.process.stderr.read():
            print("skipped: a build without libmicrohttpd")
            sys.exit(77)
        self.url = json.loads(line)["url"]

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(patience) == 0, "the server did not end in order"


class Browser:
    """One page, by the DevTools protocol: messages of JSON that end in a NUL, on descriptors 3 and 4 of the browser."""

    def __init__(self, profile):
        pipes = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (*os.pipe(), *os.pipe())]
        theirs, self.out, self.fd, answers = pipes

        def place():
            os.dup2(theirs, 3)
            os.dup2(answers, 4)
        # As root, as in most containers, it has no sandbox. What it says of the machine it runs on is not for this test.
        self.process = subprocess.Popen([chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                                         "--disable-extensions", "--hide-scrollbars", "--remote-debugging-pipe", "--user-data-dir=" + profile, "about:blank"],
                                        preexec_fn=place, pass_fds=(3, 4), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs)
        os.close(answers)
        self.number, self.rest, self.session, self.events = 0, b"", None, []
        end = time.monotonic() + patience
        while not (page := next((t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page"), None)):
            assert time.monotonic() < end, "the browser has no page"
            time.sleep(0.02)
        self.session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def read(self, seconds):
        """The next message, or None."""
        end = time.monotonic() + seconds
        while b"\0" not in self.rest:
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                return None
            piece = os.read(self.fd, 1 << 20)
            assert piece, "the browser has ended"
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, **params):
        """The answer, which may be an error."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read(patience)
            assert answer, f"no answer to {method}"
            if answer.get("id") == self.number:
                return answer
            self.events.append(answer)

    def call(self, method, **params):
        answer = self.ask(method, **params)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def js(self, code):
        result = self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True, userGesture=True)
        assert "exceptionDetails" not in result, f"{code}: {result}"
        return result["result"].get("value")

    def wait(self, code):
        end = time.monotonic() + patience
        while not (value := self.js(code)):
            if time.monotonic() > end:
                sys.exit(f"never came: {code}\n{self.js('document.body.innerText')}")
            time.sleep(0.02)
        return value

    def open(self, url):
        self.js("window.isLeft = true")
        self.call("Page.navigate", url=url)
        end = time.monotonic() + patience
        code = "!window.isLeft && document.readyState === 'complete' && at('model').value !== ''"
        # A document that goes, or that is on its way, answers by an error.
        while self.ask("Runtime.evaluate", expression=code, returnByValue=True).get("result", {}).get("result", {}).get("value") is not True:
            assert time.monotonic() < end, f"{url} does not open"
            time.sleep(0.02)

    def click(self, selector):
        x, y = self.js(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'nearest'}});"
                       "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()")
        for what in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=what, x=x, y=y, button="left", clickCount=1)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def key(self, name, modifiers=0):
        code = {"Enter": 13, "Escape": 27, "Tab": 9, " ": 32}[name]
        text = {"Enter": "\r", " ": " "}.get(name)
        for what in ("keyDown", "keyUp"):
            more = {"text": text} if text and what == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=what, key=name, code=name, windowsVirtualKeyCode=code, modifiers=modifiers, **more)

    def picture(self, name):
        if pictures:
            with open(os.path.join(pictures, name), "wb") as f:
                f.write(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def take_events(self, method):
        self.js("0")
        found = [e["params"] for e in self.events if e["method"] == method]
        self.events = [e for e in self.events if e["method"] != method]
        return found

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()


def size(width, height, mobile=False, scale=1):
    """The page hears of it with the next frame: a click before that would open a menu that the news closes again."""
    b.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile)
    b.js("new Promise(r => { requestAnimationFrame(() => requestAnimationFrame(() => r(1))); setTimeout(() => r(1), 1000); })")


def scheme(name):
    b.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])


def send(text):
    b.js("at('input').focus()")
    b.type(text)
    b.key("Enter")


def wait_end():
    b.wait("!abort && at('send').textContent === 'Send'")


def messages():
    return b.js("[...document.querySelectorAll('.message')].map(m => [m.classList[1], m.querySelector(':scope > .text').textContent])")


def focus():
    return b.js("document.activeElement.id || document.activeElement.textContent")


def bodies():
    """What the page has asked the server to answer since the last call."""
    return [json.loads(e["request"]["postData"]) for e in b.take_events("Network.requestWillBeSent") if e["request"]["method"] == "POST"]


def converse():
    """Sends, streams, stops; answers anew; edits."""
    assert focus() == "input", "the message is not where typing goes"
    send("Once upon a time")
    lengths = {b.wait("document.querySelector('.assistant > .text')?.textContent.length")}
    assert b.js("at('send').textContent") == "Stop" and b.js("at('talk').ariaBusy") == "true"
    end = time.monotonic() + patience
    while len(lengths) < 4 and time.monotonic() < end:
        lengths.add(b.js("document.querySelector('.assistant > .text').textContent.length"))
    assert len(lengths) >= 4, f"the answer did not come in pieces: {lengths}"
    assert re.fullmatch(r"[\d.]+ tokens/s", b.wait("at('state').textContent !== 'Thinking' && at('state').textContent"))
    b.click("#send")
    b.wait("at('state').textContent === 'Stopped' && at('send').textContent === 'Send'")
    stopped = messages()
    assert [m[0] for m in stopped] == ["user", "assistant"] and stopped[1][1]
    time.sleep(0.2)
    assert messages() == stopped, "it goes on after it was stopped"

    b.click(".assistant .tools button:last-child")  # Regenerate
    assert focus() == "send", "focus is lost"
    b.wait("abort && at('talk').lastChild?.querySelector(':scope > .text')?.textContent")
    b.key("Escape")
    b.wait("at('state').textContent === 'Stopped'")
    assert [m[0] for m in messages()] == ["user", "assistant"]

    b.click(".user .tools button")  # Edit, and not after all
    assert b.js("at('input').value") == "Once upon a time" and focus() == "input"
    assert b.js("document.querySelectorAll('.cut').length") == 2
    b.key("Escape")
    assert b.js("at('input').value") == "" and b.js("document.querySelectorAll('.cut').length") == 0

    b.click(".user .tools button")
    b.js("at('input').select()")
    b.type("One day")
    b.key("Enter", modifiers=8)  # with Shift: a line
    assert b.js("at('input').value") == "One day\n"
    b.type("a dog")
    b.js("at('max_tokens').value = '20'")
    bodies()
    b.key("Enter")
    wait_end()
    assert [m[0] for m in messages()] == ["user", "assistant"] and messages()[0][1] == "One day\na dog"
    [asked] = bodies()
    assert asked["messages"] == [{"role": "user", "content": "One day\na dog"}] and "temperature" not in asked
    used = int(b.js("at('meter').ariaValueNow"))
    assert 20 < used < 50 and b.js("at('meter').ariaValueMax") == "4096" and b.js("at('used').textContent") == f"{used} of 4096 tokens"
    assert b.js("at('said').textContent.trim()") == messages()[1][1], "a screen reader is not told the answer"


def settings():
    b.js("at('settings').open = true; at('max_tokens').value = ''")
    assert b.js("at('temperature').placeholder") == "0.8", "the server's own is not shown"
    for name, value in (("temperature", "0"), ("max_tokens", "5"), ("seed", "7"), ("system", "A story.")):
        b.js(f"at('{name}').focus()")
        b.type(value)
    b.js("at('new').focus()")
    b.click("#new")
    bodies()
    send("Tim had a ball")
    wait_end()
    [asked] = bodies()
    assert (asked["temperature"], asked["max_tokens"], asked["seed"], asked["model"]) == (0, 5, 7, "story"), asked
    assert asked["messages"][0] == {"role": "system", "content": "A story."}
    assert b.js("at('state').textContent").endswith("tokens/s")


def history(url):
    """Two conversations are there again after a reload, with the settings; the second is deleted."""
    before = messages()
    b.open(url + "/?again")
    assert messages() == before and b.js("at('max_tokens').value") == "5"
    names = "[...document.querySelectorAll('#list li button:first-child')].map(e => e.textContent)"
    assert b.js(names) == ["Tim had a ball", "One day\na dog"]
    b.js("at('max_tokens').value = at('system').value = ''; at('system').onchange()")
    b.click("#list li:last-child button")
    assert messages()[0][1] == "One day\na dog"
    b.click("#list li:first-child button")
    b.js("window.confirm = () => true")
    b.click("#list li:first-child button:last-child")
    assert b.js(names) == ["New conversation", "One day\na dog"] and focus() == "new"
    b.open(url)
    assert b.js(names) == ["One day\na dog"]


def faults():
    """What the server refuses is told, and can be tried again."""
    b.js("at('temperature').value = '1000'")
    b.click("#new")
    send("Lily")
    assert "temperature" in b.wait("at('error').textContent")
    wait_end()
    assert messages() == [["user", "Lily"]]
    b.js("at('temperature').value = ''")
    b.click(".user .tools button:last-child")
    b.wait("at('error').textContent === '' && document.querySelector('.assistant > .text')?.textContent")
    b.key("Escape")
    wait_end()
    assert [m[0] for m in messages()] == ["user", "assistant"]
    b.take_events("Log.entryAdded")  # the browser's own line about the refusal


def answered_by_hand(pieces, ask=None):
    """The next answer is these deltas. Returns what was asked."""
    stream = "".join("data: " + json.dumps({"choices": [{"index": 0, "delta": p}]}) + "\n\n" for p in pieces) + "data: [DONE]\n\n"
    b.call("Fetch.enable", patterns=[{"urlPattern": "*/v1/chat/completions"}])
    if ask:
        ask()
    else:
        b.click("#new")
        send("What is a trit?")
    end = time.monotonic() + patience
    while not (paused := b.take_events("Fetch.requestPaused")):
        assert time.monotonic() < end, "nothing was asked"
    b.call("Fetch.fulfillRequest", requestId=paused[0]["requestId"], responseCode=200,
           responseHeaders=[{"name": "Content-Type", "value": "text/event-stream"}], body=base64.b64encode(stream.encode()).decode())
    b.call("Fetch.disable")
    wait_end()
    return json.loads(paused[0]["request"]["postData"])


def forms():
    """Thoughts are folded; code is set apart; nothing of a text becomes a part of the page."""
    answered_by_hand([{"role": "assistant", "content": ""}, {"reasoning_content": "Three values, "}, {"reasoning_content": "then."},
                      {"content": "A **digit** of `-1`, `0` or `+1`:\n```c\nint x = a < b;\n"}, {"content": "```\n<img src=x onerror=alert(1)>"}])
    assert b.js("document.querySelector('.assistant .thought > .text').textContent") == "Three values, then."
    assert b.js("document.querySelector('.assistant .thought').open") is False
    assert b.js("document.querySelector('.assistant pre').textContent") == "int x = a < b;"
    assert b.js("document.querySelector('.assistant strong').textContent") == "digit"
    assert b.js("document.querySelectorAll('.assistant code').length") == 4 and b.js("document.querySelectorAll('#talk img').length") == 0
    b.click(".assistant .thought summary")
    assert b.js("document.querySelector('.assistant .thought').open") is True


def call_piece(index, arguments, **more):
    return {"tool_calls": [{"index": index, **({"id": more["id"], "type": "function"} if more else {}),
                            "function": {**({"name": more["name"]} if more else {}), "arguments": arguments}}]}


def calls():
    """Calls of functions can be read, and answered by hand; what they hold becomes no part of the page either."""
    b.js("at('settings').open = true; at('functions').value = '[{\"name\": '; at('functions').onchange()")
    b.click("#new")
    send("Weather?")
    assert b.wait("at('error').textContent").startswith("Functions to call: ")
    assert messages() == [["user", "Weather?"]]
    declared = {"name": "get_weather", "parameters": {"type": "object"}}
    b.js(f"at('functions').value = {json.dumps(json.dumps(declared))}")
    asked = answered_by_hand([{"reasoning_content": "I ask."}, call_piece(0, "", id="a1", name="get_weather"), call_piece(0, '{"city": "<b>Pa'),
                              call_piece(0, 'ris</b>", "days": [1, 2]}'), call_piece(1, '{"city', id="b2", name="get_weather")])
    assert asked["tools"] == [{"type": "function", "function": declared}]
    texts = "[...document.querySelectorAll('.assistant .call')].map(c => c.innerText.split(/\\s*\\n\\s*/))"
    assert b.js(texts) == [["Calls get_weather", "city", "<b>Paris</b>", "days", "[1,2]"], ["Calls get_weather", '{"city']], b.js(texts)
    assert b.js("document.querySelectorAll('#talk .call b').length") == 0
    assert b.js("at('said').textContent") == "\nCall of get_weather\nCall of get_weather"
    assert b.js("document.querySelector('.assistant .thought').open") is False
    names = [n["name"]["value"] for n in b.call("Accessibility.getFullAXTree")["nodes"] if not n["ignored"] and n.get("name", {}).get("value")]
    assert names.count("Call of get_weather") == 2 and "Result of get_weather" in names and "Give results" in names, names
    b.js("document.querySelector('.assistant textarea').focus()")
    b.type("Sunny")

    def give():
        b.js("[...document.querySelectorAll('.assistant button')].find(e => e.textContent === 'Give results').focus()")
        b.key("Enter")
    asked = answered_by_hand([{"content": "It is sunny."}], give)
    assert [m["role"] for m in asked["messages"]] == ["user", "assistant", "tool", "tool"], asked
    assert asked["messages"][1]["tool_calls"][0] == {"id": "a1", "type": "function",
                                                     "function": {"name": "get_weather", "arguments": '{"city": "<b>Paris</b>", "days": [1, 2]}'}}
    assert asked["messages"][2] == {"role": "tool", "content": "Sunny", "tool_call_id": "a1"} and asked["messages"][3]["tool_call_id"] == "b2"
    assert [m[0] for m in messages()] == ["user", "assistant", "tool", "tool", "assistant"] and messages()[2][1] == "Sunny"
    assert b.js("document.querySelectorAll('#talk textarea').length") == 0
    kept = messages()
    b.open(talking.url + "/?calls")
    assert messages() == kept and b.js("document.querySelectorAll('.call dt').length") == 2, "calls are not kept"
    b.js("at('functions').value = ''; at('functions').onchange()")


def named():
    """Whatever can be used has a name and a role, and Tab goes through it in order."""
    b.js("at('settings').open = true")
    nodes = [(n["role"]["value"], n["name"]["value"]) for n in b.call("Accessibility.getFullAXTree")["nodes"] if not n["ignored"] and "name" in n]
    usable = [n for n in nodes if n[0] in ("button", "textbox", "combobox", "spinbutton", "meter", "log", "main", "complementary", "list")]
    unnamed = [n for n in usable if not n[1] and n[0] != "main"]
    assert not unnamed, f"without a name: {unnamed}"
    assert {"button", "textbox", "combobox", "spinbutton", "meter", "log", "main", "complementary", "status", "alert"} <= {n[0] for n in nodes}, nodes
    b.js("at('new').focus()")
    order = [focus()]
    for _ in range(40):
        b.key("Tab")
        order.append(focus())
        if order[-1] == "send":
            break
    ids = [name for name in order if name in ("new", "system", "temperature", "top_k", "seed", "key", "model", "talk", "input", "send")]
    assert ids == ["new", "system", "temperature", "top_k", "seed", "key", "model", "talk", "input", "send"], order


CONTRAST = """(() => {
    const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(x => (x /= 255) <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
                         return .2126 * r + .7152 * g + .0722 * b; };
    const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)/.test(c)) return c; } };
    return [...document.querySelectorAll("button, select, input, label, summary, .text, #state, #used, h1, pre")].filter(e => e.checkVisibility()).map(e => {
        const [a, b] = [light(getComputedStyle(e).color), light(behind(e))];
        return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.id || e.className || e.textContent.slice(0, 20)];
    }).sort((a, b) => a[0] - b[0])[0]; })()"""


def looks():
    """Texts stand out in both schemes (WCAG 2.2, 1.4.3: 4.5 to 1); on a phone nothing is beyond the edge, and the menu lies over the rest."""
    for name in ("light", "dark"):
        scheme(name)
        least, where = b.js(CONTRAST)
        assert least >= 4.5, f"{name}: {where} has a contrast of {least:.2f}"
    scheme("light")
    size(390, 780, mobile=True)
    assert b.js("document.documentElement.scrollWidth") <= 390 and b.js("at('side').checkVisibility()") is False
    b.click("#menu")
    assert focus() == "close" and b.js("at('main').inert && at('side').checkVisibility()")
    assert b.js("document.documentElement.scrollWidth") <= 390
    b.key("Escape")
    assert focus() == "menu" and not b.js("at('main').inert")
    b.click("#menu")
    b.click("#new")
    assert focus() == "input" and b.js("at('side').checkVisibility()") is False
    size(1280, 800)


def without_template(url):
    """A model without a template continues texts; another one is loaded when it is asked."""
    b.open(url)
    size(1280, 800)
    send("Once upon a time")
    b.wait("document.querySelector('.assistant > .text')?.textContent")
    if not pictures:
        b.key("Escape")
    wait_end()
    first = b.js("talk.messages[1].content")
    b.js("at('max_tokens').value = '4'")
    bodies()
    send("The end")
    wait_end()
    assert [asked.get("prompt") for asked in bodies()] == [f"Once upon a time{first}\nThe end"]
    b.js("at('model').value = 'story-256'; at('model').dispatchEvent(new Event('change'))")
    b.wait("at('used').textContent === ''")  # of a model that is not loaded the context is not known
    b.click("#new")
    send("Lily")
    wait_end()
    assert bodies()[-1]["model"] == "story-256"
    b.wait("at('used').textContent.endsWith(' of 512 tokens')")
    b.open(url)
    assert b.js("at('model').value") == "story-256", "the choice is not kept"


def show_off(url):
    """The pictures of the documents."""
    b.open(url)
    b.js("localStorage.clear()")
    b.open(url + "/?empty")
    size(1100, 700)
    b.js("at('seed').value = '4'")
    for text in ("One day, a little boat went down the river.", "Once upon a time, a fox found a red balloon in the forest."):
        b.click("#new")
        send(text)
        wait_end()
    b.js("at('seed').value = ''; document.activeElement.blur()")
    b.picture("page-light.png")
    scheme("dark")
    b.js("at('settings').open = true")
    b.picture("page-dark.png")
    size(390, 700, mobile=True)
    b.picture("page-phone.png")
    b.click("#menu")
    b.picture("page-phone-menu.png")


def talk_with_models():
    b.open(talking.url)
    size(1280, 800)
    converse()
    settings()
    history(talking.url)
    faults()
    forms()
    calls()
    named()
    looks()
    broken = [e["entry"]["text"] for e in b.take_events("Log.entryAdded") if e["entry"]["level"] != "verbose"] + b.take_events("Runtime.exceptionThrown")
    assert not broken, broken
    without_template(plain.url)


with contextlib.ExitStack() as stack:
    folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
    source = os.environ["TRIT_SOURCE"]
    with open(os.path.join(folder, "template"), "w", encoding="utf-8") as f:
        f.write(TEMPLATE)
    plain = Server() if pictures else Server("-m", source + "/models/story.gguf", "-m", source + "/tests/model/story-256.gguf", "--seed", "3")
    stack.callback(plain.end)
    # Its answers have no end before they are stopped, nor a new story, which the begin token would be.
    long = os.path.join(folder, "long.gguf")
    subprocess.run(["sh", source + "/tests/long_context.sh", source + "/models/story.gguf", long], check=True)
    talking = Server("-m", long, "--alias", "story", "--chat-template", os.path.join(folder, "template"), "--logit-bias", "1=-inf", "--logit-bias",
                     "2=-inf", "--seed", "3")
    stack.callback(talking.end)
    b = Browser(os.path.join(folder, "profile"))
    stack.callback(b.end)
    if pictures:
        show_off(plain.url)
    else:
        talk_with_models()
