"""The application tier: answers GET /orders/N with what the database says about N."""

import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DATABASE = (sys.argv[1], 5432)


class Orders(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        order = self.path.rpartition("/")[2]
        with socket.create_connection(DATABASE, timeout=3) as database:
            database.sendall(f"order {order}\n".encode())
            body = database.makefile("rb").read()
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("", 8080), Orders).serve_forever()
