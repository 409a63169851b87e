"""An HTTP server on this machine that behaves as badly as it is told: what `timbre get` is tested against."""
import hashlib
import http.server
import re
import threading


class MoodyServer:
    """`files`: path → bytes. Moods are attributes; `log` keeps (path, Range, If-Range, status) of every request."""

    def __init__(self):
        self.files, self.log = {}, []
        self.cuts = []  # bytes after which the next answers break off; one is used up by each
        self.statuses = []  # statuses of the next answers
        self.ranges = True
        self.tags = True  # tell an ETag
        self.heed_if_range = True
        self.redirects = {}
        self.retry_after = None
        self.lie_about_range = False
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.answer(self)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # clients that hang up are what is tested
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_address[1]}/{path}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request):
        path = request.path.lstrip("/")
        asked, if_range = request.headers.get("Range"), request.headers.get("If-Range")

        def head(status, headers, length):
            self.log.append((path, asked, if_range, status))
            request.send_response(status)
            for name, value in headers.items():
                request.send_header(name, value)
            request.send_header("Content-Length", str(length))
            request.end_headers()

        if self.statuses:
            page = b"<html>something went wrong</html>"
            head(self.statuses.pop(0), {"Retry-After": self.retry_after} if self.retry_after else {}, len(page))
            request.wfile.write(page)
            return
        if path in self.redirects:
            head(302, {"Location": self.redirects[path]}, 0)
            return
        if path not in self.files:
            head(404, {}, 9)
            request.wfile.write(b"not there")
            return
        body = self.files[path]
        tag = '"' + hashlib.md5(body).hexdigest() + '"'
        headers = {"ETag": tag} if self.tags else {}
        match = re.fullmatch(r"bytes=(\d+)-", asked or "")
        status, start = 200, 0
        if match and self.ranges and (not if_range or if_range == tag or not self.heed_if_range):
            start, status = int(match.group(1)), 206
            if start >= len(body):
                head(416, {"Content-Range": f"bytes */{len(body)}"}, 0)
                return
            told = start + 1 if self.lie_about_range else start
            headers["Content-Range"] = f"bytes {told}-{len(body) - 1}/{len(body)}"
        head(status, headers, len(body) - start)
        rest = body[start:]
        cut = self.cuts.pop(0) if self.cuts else None
        try:
            request.wfile.write(rest[:cut])
            request.wfile.flush()
        except OSError:
            pass
        if cut is not None:
            request.close_connection = True
            try:
                request.connection.shutdown(2)
            except OSError:
                pass
