"""As much of Keystone's API v3 as the module identity uses, in memory."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import parse_qs, urlsplit

KINDS = {"domains": "domain", "projects": "project", "roles": "role", "users": "user", "services": "service"}
KINDS |= {"endpoints": "endpoint"}


class FakeKeystone(ThreadingHTTPServer):
    """Serves on a free port; `silent` requests are answered as HAProxy does without a backend."""

    daemon_threads = True

    def __init__(self, admin_password):
        super().__init__(("127.0.0.1", 0), Handler)
        self.numbers = count(1)
        self.silent = 0
        self.writes = []
        self.grants = []
        self.content = {name: {} for name in KINDS}
        self.add("domains", {"name": "Default"})
        project = self.add("projects", {"name": "admin", "domain_id": self.default})
        role = self.add("roles", {"name": "admin", "domain_id": None})
        user = self.add("users", {"name": "admin", "domain_id": self.default, "password": admin_password})
        self.grants.append((role["id"], user["id"], project["id"]))
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v3"

    @property
    def default(self):
        return next(iter(self.content["domains"]))

    def add(self, collection, fields):
        member = {"id": f"{KINDS[collection]}{next(self.numbers)}", **fields}
        self.content[collection][member["id"]] = member
        return member

    def names(self, collection):
        return sorted(member["name"] for member in self.content[collection].values())

    def find(self, collection, name):
        return next(member for member in self.content[collection].values() if member["name"] == name)


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, body=None, **headers):
        data = json.dumps(body).encode() if body is not None else b""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def body(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

    def serve(self):
        server, body = self.server, self.body()
        if server.silent:
            server.silent -= 1
            return self.answer(503)
        path = urlsplit(self.path).path.removeprefix("/v3").strip("/")
        if path == "auth/tokens":
            return self.token(body["auth"]["identity"]["password"]["user"])
        if self.headers.get("X-Auth-Token") != "token-of-admin":
            return self.answer(401, {"error": {"message": "who are you"}})
        if self.command != "GET":
            server.writes.append(f"{self.command} {path}")
        return self.serve_content(path.split("/"), body)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = serve  # noqa: N815 (names of http.server)

    def token(self, login):
        for user in self.server.content["users"].values():
            if (user["name"], user["password"]) == (login["name"], login["password"]):
                return self.answer(201, {"token": {}}, X_Subject_Token=f"token-of-{user['name']}")
        return self.answer(401, {"error": {"message": "wrong"}})

    def serve_content(self, parts, body):
        content, collection = self.server.content, parts[0]
        if collection == "role_assignments":
            grants = [
                {"role": {"id": role}, "user": {"id": user}, "scope": {"project": {"id": project}}}
                for role, user, project in self.server.grants
            ]
            return self.answer(200, {"role_assignments": grants})
        if self.command == "PUT":
            self.server.grants.append((parts[5], parts[3], parts[1]))
            return self.answer(204)
        if self.command == "GET":
            region = parse_qs(urlsplit(self.path).query).get("region_id")
            members = [m for m in content[collection].values() if not region or m["region_id"] in region]
            hidden = [{key: value for key, value in m.items() if key != "password"} for m in members]
            return self.answer(200, {collection: hidden})
        kind = KINDS[collection]
        if self.command == "POST":
            return self.answer(201, {kind: self.server.add(collection, body[kind])})
        if self.command == "PATCH":
            content[collection][parts[1]] |= body[kind]
            return self.answer(200, {kind: content[collection][parts[1]]})
        del content[collection][parts[1]]
        return self.answer(204)
