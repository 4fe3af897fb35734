"""The files in `deploy/`: they load, every command line in them is one, and what they start runs an episode."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from tests.messages.servers import free_port, nats

from gridpilot.cli.main import cli
from gridpilot.messages.address import Security
from gridpilot.messages.signing import VARIABLE

FOLDER = Path(__file__).resolve().parents[1] / "deploy" / "microgrids"
KUBERNETES = FOLDER / "kubernetes"
IMAGE = "gridpilot"
COMMAND = (sys.executable, "-c", "from gridpilot.cli import main; main()")
KNOWN = {VARIABLE, *(f"GRIDPILOT_BROKER_{name.upper()}" for name in Security.__dataclass_fields__)}
CREDENTIALS = {
    "GRIDPILOT_BROKER_USERNAME": "gridpilot",
    "GRIDPILOT_BROKER_PASSWORD": "p4e1",
    VARIABLE: "k1:000102030405060708090a0b0c0d0e0f",
}


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    return found


def manifests() -> list[dict[str, Any]]:
    """Every document of the manifests, those of kustomize left out."""
    files = [path for path in sorted(KUBERNETES.rglob("*.yaml")) if path.name != "kustomization.yaml"]
    return [document for path in files for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


def containers() -> Iterator[dict[str, Any]]:
    for document in manifests():
        if document["kind"] in ("Deployment", "Job"):
            yield from document["spec"]["template"]["spec"]["containers"]


def lines(where: str) -> list[list[str]]:
    """The arguments of every container of gridpilot."""
    if where == "compose":
        return [service["command"] for service in compose()["services"].values() if service["image"] == IMAGE]
    return [container["args"] for container in containers() if container["image"] == IMAGE]


def read(line: list[str]) -> dict[str, Any]:
    """The options of a command line; raises what click raises for one that is none."""
    name, *arguments = line
    command = cli.get_command(click.Context(cli), name)
    assert command is not None, name
    return {"command": name, **command.make_context(name, list(arguments)).params}


# ------------------------------------------------------------------------------------------------- the files


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_every_command_line_is_one_and_all_meet_at_one_broker(where: str) -> None:
    found = [read(line) for line in lines(where)]
    agents = [one for one in found if one["command"] == "agent"]
    begins, resumes = [one for one in found if one["command"] == "env"]
    assert sorted(role for one in agents for role in one["roles"]) == ["MG1", "MG2", "MG3"]
    assert {one["broker"] for one in found} == {"nats://nats:4222" if where == "compose" else "nats+tls://nats:4222"}
    assert {one["run"] for one in (*agents, begins)} == {"microgrids"}
    assert begins["scenario"] == "three_microgrids"
    assert (begins["resume"], resumes["resume"]) == (False, True)
    assert begins["out"] == resumes["out"]
    assert begins["mode"] == resumes["mode"] == "deadline"


def test_a_line_with_a_wrong_option_would_be_seen() -> None:
    with pytest.raises(click.UsageError, match="--rule"):
        read(["agent", "--broker", "nats://nats:4222", "--rule", "MG1"])


def test_the_image_is_the_command() -> None:
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    assert 'ENTRYPOINT ["gridpilot"]' in text
    copied = [name for line in re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE) for name in line.split()]
    assert all((FOLDER.parents[1] / name).exists() for name in copied)
    kept = {line[1:] for line in (FOLDER / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) == kept


def test_variables_are_known_and_have_an_example() -> None:
    used = {name for service in compose()["services"].values() for name in service["environment"]}
    used |= {entry["name"] for container in containers() for entry in container.get("env", [])}
    assert used <= KNOWN
    for example in (FOLDER / ".env.example", KUBERNETES / "secrets.env.example"):
        shown = {line.partition("=")[0] for line in example.read_text().splitlines() if line and not line.startswith("#")}
        assert shown == set(CREDENTIALS)


def test_the_network_of_the_compose_file_is_closed() -> None:
    found = compose()
    assert found["networks"]["messages"]["internal"] is True
    assert not any("ports" in service for service in found["services"].values())
    assert all(service["networks"] == ["messages"] for service in found["services"].values())


def test_what_manifests_refer_to_is_there() -> None:
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    assert all((KUBERNETES / name).is_file() for name in kustomization["resources"])
    secrets = {entry["name"] for entry in kustomization["secretGenerator"]}
    claims = {document["metadata"]["name"] for document in manifests() if document["kind"] == "PersistentVolumeClaim"}
    pods = [document["spec"]["template"]["spec"] for document in manifests() if document["kind"] in ("Deployment", "Job")]
    for pod in pods:
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert {volume["secret"]["secretName"] for volume in volumes.values() if "secret" in volume} <= secrets
        assert {volume["persistentVolumeClaim"]["claimName"] for volume in volumes.values() if "persistentVolumeClaim" in volume} <= claims
        for container in pod["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes.keys()
            assert {source["secretRef"]["name"] for source in container["envFrom"]} <= secrets


# -------------------------------------------------------------------------------------------------- in action


def test_what_the_compose_file_starts_runs_an_episode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same command lines, on the server's own configuration, with credentials and signatures."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with nats("--config", str(FOLDER / "nats.conf"), "--http_port", str(free_port())) as server, ExitStack() as stack:
        here = [[text.replace("nats://nats:4222", server.url) for text in line] for line in lines("compose")]
        for line in here:
            if line[0] == "agent":
                process = stack.enter_context(subprocess.Popen([*COMMAND, *line], stderr=subprocess.DEVNULL))
                stack.callback(process.kill)
        begins = next(line for line in here if line[0] == "env" and "--resume" not in line)
        own = [text for text in begins if not text.startswith("--out")]
        own += [f"--out={tmp_path}", "--cycles=2", "--deadline-s=120", "--json"]  # agents may have to compile
        done = subprocess.run([*COMMAND, *own], capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["steps"] == 2
    assert document["silent_cycles"] == {"MG1": 0, "MG2": 0, "MG3": 0}
