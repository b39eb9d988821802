"""The binary as a command, and on a terminal."""
import os
import pty
import select
import subprocess
import termios
import time

from harness import BINARY, WAIT_SECONDS


def environment(**more):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("LAKEHOUSE_") or k == "LAKEHOUSE_BUILD"}
    return {**clean, "LC_ALL": "C.UTF-8", **more}


def lakehouse(*args, env=None, cwd=None, stdin=None, check=True, timeout=WAIT_SECONDS):
    done = subprocess.run([str(BINARY), *map(str, args)], input=stdin, capture_output=True, text=True, timeout=timeout, cwd=cwd,
                          env=environment(**(env or {})))
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    if check:
        assert done.returncode == 0, (args, done.returncode, done.stdout, done.stderr)
    return done


class Terminal:
    """A command on a pseudo terminal; of the binary, or another program beside it."""

    def __init__(self, home, *args, program=BINARY):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(home)
            path = f"{BINARY.parent}:{os.environ['PATH']}"
            os.execvpe(str(program), [str(program), *map(str, args)],
                       environment(TERM="xterm", XDG_STATE_HOME=str(home), HOME=str(home), PS1="bash> ", PATH=path))
        self.seen = ""

    def expect(self, text, seconds=WAIT_SECONDS):
        """Reads until the text came, behind what was expected before."""
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            if time.monotonic() > deadline:
                raise AssertionError(f"no {text!r} in {self.seen!r}")
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    got = os.read(self.fd, 65536).decode(errors="replace")
                except OSError:
                    raise AssertionError(f"ended before {text!r}: {self.seen!r}")
                self.seen += got
        before, self.seen = self.seen.split(text, 1)
        return before

    def prompt(self, text="lake> "):
        """The prompt is there, and the line editor has taken the terminal over from the kernel."""
        self.expect(text)
        while termios.tcgetattr(self.fd)[3] & termios.ICANON:
            time.sleep(0.01)

    def ask(self, text, answer):
        """Types a line at the prompt; what came before the answer."""
        self.prompt()
        self.send(text + "\n")
        return self.expect(answer)

    def send(self, text):
        os.write(self.fd, text.encode())

    def wait(self):
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)
