"""What a container may: the checks of compose.yaml that static.py makes first.

Nothing that a service could do is allowed because nobody thought of it: what each is given is on a list, and
whatever is not is told.
"""
import copy
import re

# Whatever else a service could be given (devices, capabilities, the host's processes, …), ours needs nothing of it.
GIVEN = {"cap_drop", "command", "cpus", "depends_on", "entrypoint", "environment", "extra_hosts", "healthcheck", "image", "logging", "mem_limit", "network_mode",
         "networks", "pids_limit", "ports", "profiles", "pull_policy", "read_only", "restart", "security_opt", "tmpfs", "user", "volumes"}
# Others are whom their image says, which is not root.
USERS = {"alloy": "0:0", "postgres": "postgres"}


def hardened(stack, ours):
    """Pinned, read-only, without capabilities, bounded, watched, and reachable from this machine only."""
    wrong = []
    for name, service in stack["services"].items():
        holds = {
            "an image of a whole version": service["image"] == ours or re.search(r":v?\d+\.\d+\.\d+$|postgres:\d+\.\d+-\w+$", service["image"]),
            "nothing that it does not need": service.keys() <= GIVEN,
            "no other user": service.get("user") == USERS.get(name),
            "read_only": service.get("read_only"),
            "cap_drop ALL": service.get("cap_drop") == ["ALL"],
            "no-new-privileges, and nothing else": service.get("security_opt") == ["no-new-privileges:true"],
            "limits": 0 < int(service.get("mem_limit", 0)) <= 2 << 30 and 0 < service.get("cpus", 0) <= 2 and 0 < service.get("pids_limit", 0) <= 1024,
            "ports on 127.0.0.1": all(port.get("host_ip") == "127.0.0.1" for port in service.get("ports", [])),
            "no network of the host": service.get("network_mode") in (None, "none"),
            "a health check": name in ("rules", "operators") or service.get("healthcheck", {}).get("test"),
            "named volumes, and read-only folders": all(
                mount["type"] == "volume" and mount["source"] in stack["volumes"] or mount.get("read_only") for mount in service.get("volumes", [])),
        }
        wrong += [f"{name}: must have {what}" for what, held in holds.items() if not held]
    return wrong


def apart(stack):
    """No two services publish the same port, ranges included."""
    taken, wrong = {}, []
    for name, service in stack["services"].items():
        for port in service.get("ports", []):
            first, _, last = port["published"].partition("-")
            for one in range(int(first), int(last or first) + 1):
                if taken.setdefault(one, name) != name:
                    wrong.append(f"{name} and {taken[one]} both publish port {one}")
    return wrong


def checks(stack, with_postgres, ours):
    """As static.py has them: what is checked, how, what it is given, and the same with one error."""
    def changed(service, change):
        new = copy.deepcopy(stack)
        change(new["services"][service])
        return new

    errors = {"pid": "host", "user": "0:0", "mem_limit": str(256 << 30), "pids_limit": -1, "image": "grafana/loki:3.5", "devices": [{"source": "/dev/kmsg"}],
              "security_opt": ["no-new-privileges:true", "seccomp:unconfined"]}
    taken = stack["services"]["edge"]["ports"]
    return [
        ("compose: hardened", hardened, [stack, ours], [changed("grafana", lambda s: s["ports"][0].update(host_ip="0.0.0.0")), ours]),
        *[(f"compose: hardened, {key}", hardened, [stack, ours], [changed("loki", lambda s, new=(key, value): s.update([new])), ours]) for key, value in errors.items()],
        ("compose: ports apart", apart, [stack], [changed("backend", lambda s: s["ports"][0].update(published="8000-8009"))]),
        ("compose: ports apart, with PostgreSQL", apart, [with_postgres], [changed("scorer", lambda s: s.update(ports=taken))]),
    ]
