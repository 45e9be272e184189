"""The database tier: reads one line `order N`, answers with N lines, closes."""

from socketserver import StreamRequestHandler, ThreadingTCPServer


class Query(StreamRequestHandler):
    def handle(self) -> None:
        number = int(self.rfile.readline().split()[1])
        self.wfile.write(b"".join(b"order %d, item %d\n" % (number, i) for i in range(number)))


ThreadingTCPServer.allow_reuse_address = True
ThreadingTCPServer(("", 5432), Query).serve_forever()
