"""Who is told: a server for webhooks and one for mail, each on a port of its own of this machine."""

import http.server
import socketserver
import threading


class WebhookReceiver:
    """Keeps what it is sent, `(headers, body)`, and answers with `status`; while `is_open` is not set, not at all."""

    def __init__(self):
        self.requests = []
        self.status = 204
        self.location = None
        self.is_open = threading.Event()
        self.is_open.set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((self.headers, body))
                if not outer.is_open.wait(30):
                    return
                self.send_response(outer.status)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/alerts?of=earshot"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.is_open.set()
        self._server.shutdown()
        self._server.server_close()


class MailReceiver:
    """Keeps what it is sent, `(recipients, lines)`; refuses whom `refused` names with 550."""

    def __init__(self):
        self.messages = []
        self.refused = set()
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                recipients = []
                self.say("220 here")
                while line := self.rfile.readline().decode().strip():
                    verb = line.split(":")[0].split()[0].upper()
                    if verb == "RCPT":
                        to = line[line.index("<") + 1 : line.index(">")]
                        if to in outer.refused:
                            self.say("550 not here")
                            continue
                        recipients.append(to)
                    if verb == "DATA":
                        self.say("354 go on")
                        lines = []
                        while (text := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                            lines.append(text)
                        outer.messages.append((recipients, lines))
                    self.say("221 bye" if verb == "QUIT" else "250 well")
                    if verb == "QUIT":
                        return

            def say(self, line):
                self.wfile.write(f"{line}\r\n".encode())

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
