"""Endpoints of models for the tests. `Scripted` is a small HTTP server that answers as it is told: for faults and forms of streams, which no real
server shows when asked. `Proxy` stands before a real one, and breaks what passes."""
import http.server
import json
import socket
import threading


class Scripted:
    """Each POST or GET takes the next of `answers`, the last one for ever: a function (handler, body) that sends. `seen`: (path, headers, JSON)."""

    def __init__(self, *answers):
        self.answers, self.seen, self.lock = list(answers), [], threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
                with outer.lock:
                    outer.seen.append((self.path, dict(self.headers), body))
                    answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                try:
                    answer(self, body)
                except OSError:
                    self.close_connection = True

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def reply(document, status=200, content_type="application/json", **headers):
    data = document if isinstance(document, bytes) else json.dumps(document).encode()

    def send(handler, _):
        handler.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(data)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return send


def stream(*pieces, content_type="text/event-stream", cut=False):
    """Sends the pieces one by one; cut: the connection ends before the answer does."""

    def send(handler, _):
        handler.send_response(200)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for piece in pieces:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            handler.wfile.flush()
        if not cut:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = cut

    return send


def chunk(text=None, reason=None, **members):
    delta = {} if text is None else {"content": text}
    return b"data: " + json.dumps({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **members}).encode() + b"\n\n"


USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
DONE = b"data: [DONE]\n\n"


def said(*words, reason="stop"):
    """A whole answer as OpenAI streams it."""
    return [*(chunk(word) for word in words), chunk(reason=reason), b"data: " + json.dumps({"choices": [], "usage": USAGE}).encode() + b"\n\n", DONE]


class Proxy:
    """Passes TCP connections on to `url`. mode: "pass"; "cut", after `bytes` of the answer; "silent", nothing ever; "refuse", at once;
    or an answer of its own, as bytes. `connections` counts."""

    def __init__(self, url):
        host, port = url.split("//")[1].split("/")[0].split(":")
        self.target = (host, int(port))
        self.mode, self.bytes, self.connections = "pass", 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(client, self.mode), daemon=True).start()

    def serve(self, client, mode):
        with client:
            if mode == "refuse":
                return
            if mode == "silent" or isinstance(mode, bytes):
                head = b""
                while b"\r\n\r\n" not in head and (got := client.recv(65536)):
                    head += got
                if mode == "silent":
                    while client.recv(65536):
                        pass
                else:
                    client.sendall(mode)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(65536):
                        pass
                return
            with socket.create_connection(self.target) as server:
                threading.Thread(target=self.copy, args=(client, server, None), daemon=True).start()
                self.copy(server, client, self.bytes if mode == "cut" else None)

    @staticmethod
    def copy(source, sink, left):
        try:
            while data := source.recv(65536):
                if left is not None:
                    data, left = data[:left], left - len(data)
                sink.sendall(data)
                if left is not None and left <= 0:
                    break
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        self.listener.close()
