"""What the tests of governed statements share: a lake with authentication on, and principals of roles in it."""
from harness import Server

ADMIN = "an-admin-key-of-the-governed-tests"


def csv(header, rows):
    return (header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)).encode()


class Lake:
    def __init__(self, root, processors=None, **env):
        self.server = Server(root, env={"LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": ADMIN, **env}, processors=processors)
        self.server.headers = {"X-API-Key": ADMIN}

    def ingest(self, name, data):
        answer = self.server.ingest(data, name, name="f.csv")
        assert answer.status_code == 201, answer.text

    def call(self, method, path, status, body=None, key=ADMIN):
        answer = self.server.request(method, path, headers={"X-API-Key": key}, **({"json": body} if body is not None else {}))
        assert answer.status_code == status, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def key(self, name, *grants, scope="admin", roles=()):
        if grants:
            self.call("POST", "/access/roles", 201, {"name": f"role-{name}", "grants": list(grants)})
            roles = (f"role-{name}",)
        self.call("POST", "/access/principals", 201, {"name": name, "kind": "agent", "roles": list(roles)})
        return self.call("POST", "/access/keys", 201, {"principal": name, "scope": scope})["key"]

    def ask(self, sql, key, **members):
        return self.server.request("POST", "/query/sql", headers={"X-API-Key": key}, json={"sql": sql, **members})

    def rows(self, sql, key, **members):
        answer = self.ask(sql, key, **members)
        assert answer.status_code == 200, (sql, answer.text)
        return answer.json()["rows"]

    def refused(self, sql, key, status=403):
        answer = self.ask(sql, key)
        assert answer.status_code == status, (sql, answer.status_code, answer.text)
        return answer.json()["error"]["message"]


def allow(on, name, *actions, **parts):
    return {"effect": "allow", "on": on, "name": name, "actions": list(actions) or ["read"], **parts}
