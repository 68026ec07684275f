"""trit chat at a terminal: prompts, editing, history over sessions, Ctrl-C and Ctrl-D. The terminal is a pseudo one."""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

program = os.environ.get("TRIT_PROGRAM", "")
if not os.access(program, os.X_OK):
    print("skipped: no program")
    sys.exit(77)


class Chat:
    def __init__(self, *options, **variables):
        environment = dict(os.environ, **variables, XDG_STATE_HOME=os.path.abspath("state"), TERM="xterm", LC_ALL="C.UTF-8", HOME=os.getcwd())
        self.seen = self.raw = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(program, [program, "chat", "--seed", "3", "-t", "1", *options], environment)

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            raw = os.read(self.fd, 65536).decode(errors="replace")
            self.raw += raw
            self.seen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]", "", raw)
        except OSError:  # the other end is closed
            return False
        return True

    def expect(self, pattern):
        """Waits for the pattern behind what was expected before; returns the match."""
        end = time.monotonic() + 120
        while not (found := re.search(pattern, self.seen)):
            if time.monotonic() > end or (not self.read(1) and os.waitpid(self.pid, os.WNOHANG)[0]):
                sys.exit(f"no {pattern!r} in {self.seen!r}")
        self.seen = self.seen[found.end():]
        return found

    def end(self, code):
        while self.read(60):
            pass
        give_up = time.monotonic() + 60
        while not (ended := os.waitpid(self.pid, os.WNOHANG))[0]:
            if time.monotonic() > give_up:
                os.kill(self.pid, signal.SIGKILL)
                sys.exit(f"the program does not end: {self.seen!r}")
            time.sleep(0.05)
        got = os.waitstatus_to_exitcode(ended[1])
        os.close(self.fd)
        assert got == code, f"exit {got} instead of {code}: {self.seen!r}"


if os.path.exists("state/trit/chat_history"):
    os.remove("state/trit/chat_history")

# An answer, a mistake that does not end the program, a command, Ctrl-D.
chat = Chat("--raw", "-n", "8")
chat.expect("/help lists the commands")
chat.expect("> ")
chat.type("Once upon a time\r")
chat.expect(r"ended after 8 tokens")
chat.expect("> ")
chat.type("/sav x\r")
chat.expect(r'did you mean "/save"')
chat.expect("> ")
chat.type("/save talk.json\r")
chat.expect("talk.json: 2 messages")
chat.expect("> ")
chat.type("\x04")
chat.end(0)

# What a model thinks is dim: here all of it, for the prompt opens a thought that never ends.
with open("thinks.jinja", "w", encoding="utf-8") as f:
    f.write("{% for m in messages %}{{ m.content }}{% endfor %}<think>{# </think> #}")
for variables, wanted in ({}, True), ({"NO_COLOR": "1"}, False):
    chat = Chat("-n", "8", "--chat-template", "thinks.jinja", **variables)
    chat.expect("> ")
    chat.type("Once upon a time\r")
    chat.expect(r"ended after 8 tokens")
    assert ("\x1b[2m" in chat.raw) == wanted, chat.raw
    chat.expect("> ")
    chat.type("\x04")
    chat.end(0)

# An answer that has no end (nor a new story, which the begin token would be) before Ctrl-C, which stops it and not the program; what came stays
# in the conversation.
source = os.environ["TRIT_SOURCE"]
subprocess.run(["sh", source + "/tests/long_context.sh", source + "/models/story.gguf", "long.gguf"], check=True)
chat = Chat("--raw", "-m", "long.gguf", "--logit-bias", "1=-inf", "--logit-bias", "2=-inf", TRIT_CPU="scalar")
chat.expect("> ")
chat.type("Lily\r")
chat.expect(r"Lily\s+\S+ \S+")
os.kill(chat.pid, signal.SIGINT)
chat.expect(r"\(stopped")
chat.expect("> ")
chat.type("/save stopped.json\r")
chat.expect("stopped.json: 2 messages")
chat.expect("> ")

# At the prompt the first Ctrl-C drops the line, the second ends.
chat.type("a line that is drop\x03")
chat.expect("once more ends")
chat.expect("> ")
chat.type("/stats\r")
chat.expect(r"context: \d+ of \d+ tokens")
chat.expect("> ")
chat.type("\x03")
chat.expect("once more ends")
chat.expect("> ")
chat.type("\x03")
chat.end(130)

# Earlier lines come back, if the build edits lines at all.
if not os.path.exists("state/trit/chat_history"):
    print("a build without libedit: no history to test")
    sys.exit(0)
assert os.stat("state/trit/chat_history").st_mode & 0o077 == 0, "others can read the history"
chat = Chat("--raw", "-n", "4")
chat.expect("> ")
chat.type("\x1b[A\x1b[A\x1b[A")  # three lines up: /stats, /save stopped.json, Lily
chat.expect("Lily")
chat.type("\x01The \x05 élan\r")  # at the beginning, then at the end
chat.expect(r"ended after 4 tokens")
chat.expect("> ")
chat.type("/save edited.json\r")
chat.expect("edited.json")
chat.type("/exit\r")
chat.end(0)
with open("edited.json", encoding="utf-8") as f:
    assert '"The Lily élan"' in f.read(), "the line was not edited"
