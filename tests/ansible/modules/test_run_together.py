import getpass
import time


def command(name, *argv, **more):
    return {"name": name, "argv": list(argv), "user": getpass.getuser(), **more}


def test_runs_side_by_side(run):
    begin = time.monotonic()
    result = run("run_together", commands=[command(f"c{i}", "sleep", "0.6") for i in range(4)])
    assert time.monotonic() - begin < 1.8
    assert result["ran"] == ["c0", "c1", "c2", "c3"]
    assert all(seconds >= 0.6 for seconds in result["seconds"].values())


def test_conditions(run, tmp_path):
    there = tmp_path / "there"
    there.touch()
    commands = [
        command("created", "touch", str(tmp_path / "a"), creates=str(there)),
        command("done", "touch", str(tmp_path / "b"), unless=["true"]),
        command("due", "touch", str(tmp_path / "c"), unless=["false"], creates=str(tmp_path / "c")),
    ]
    assert run("run_together", check=True, commands=commands)["ran"] == ["due"]
    assert not (tmp_path / "c").exists()
    assert run("run_together", commands=commands)["ran"] == ["due"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "there"]
    again = run("run_together", commands=commands)
    assert (again["changed"], again["ran"]) == (False, [])


def test_failure_shows_its_output_and_not_that_of_others(run):
    commands = [
        command("good", "sh", "-c", "echo fine"),
        command("bad", "sh", "-c", "echo broken >&2; exit 3"),
        command("worse", "/no/such/program"),
    ]
    result = run("run_together", commands=commands)
    assert result["failed"]
    assert "bad: sh -c echo broken" in result["msg"]
    assert "ended with 3" in result["msg"]
    assert "worse: /no/such/program could not be started" in result["msg"]
    assert "fine" not in result["msg"]


def test_steps_stop_at_the_first_failure(run, tmp_path):
    steps = [["touch", str(tmp_path / "1")], ["false"], ["touch", str(tmp_path / "3")]]
    result = run("run_together", commands=[{"name": "s", "steps": steps, "user": getpass.getuser()}])
    assert result["failed"]
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_secrets_reach_the_command_and_nobody_else(run, tmp_path):
    out = tmp_path / "out"
    script = f'cat > {out}; echo "$WORD" >> {out}'
    one = command("c", "sh", "-c", script, stdin="from stdin\n", environment={"WORD": "from environment"})
    result = run("run_together", commands=[one])
    assert out.read_text() == "from stdin\nfrom environment\n"
    assert "from stdin" not in str(result)
    assert "from environment" not in str(result)


def test_timeout(run):
    result = run("run_together", commands=[command("slow", "sleep", "5", timeout=0.2)])
    assert "slow: sleep did not end within" in result["msg"]


def test_unknown_user(run):
    result = run("run_together", commands=[command("c", "true") | {"user": "no-such-user"}])
    assert result["msg"] == "c: user no-such-user does not exist"
