import base64
import getpass
import grp
import os
import stat

import pytest

ME = {"owner": getpass.getuser(), "group": grp.getgrgid(os.getgid()).gr_name}


def file(path, content="x\n", mode="0640", **more):
    return {"dest": str(path), "content": content, "mode": mode, **ME, **more}


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_writes_once_and_then_nothing(run, tmp_path):
    path = tmp_path / "a/b/c.conf"
    arguments = {
        "files": [file(path, "secret\n")],
        "directories": [{"path": str(tmp_path / "keys"), "mode": "0700", **ME}],
    }
    first = run("config_files", **arguments)
    assert first["changed_files"] == [str(tmp_path / "keys"), str(path)]
    assert path.read_text() == "secret\n"
    assert mode_of(path) == 0o640
    assert mode_of(tmp_path / "keys") == 0o700
    written = path.stat().st_mtime_ns
    second = run("config_files", **arguments)
    assert (second["changed"], second["changed_files"]) == (False, [])
    assert path.stat().st_mtime_ns == written


def test_mends_a_mode_without_writing(run, tmp_path):
    path = tmp_path / "c.conf"
    run("config_files", files=[file(path)])
    inode = path.stat().st_ino
    path.chmod(0o666)
    assert run("config_files", files=[file(path)])["changed"]
    assert (mode_of(path), path.stat().st_ino) == (0o640, inode)


def test_check_mode_writes_nothing_even_for_users_that_do_not_exist(run, tmp_path):
    entry = file(tmp_path / "a/c.conf") | {"owner": "no-such-user"}
    result = run("config_files", check=True, files=[entry], directories=[{"path": str(tmp_path / "d"), **ME}])
    assert result["changed_files"] == [str(tmp_path / "d"), str(tmp_path / "a/c.conf")]
    assert list(tmp_path.iterdir()) == []


def test_user_that_does_not_exist_is_a_failure(run, tmp_path):
    result = run("config_files", files=[file(tmp_path / "c.conf") | {"owner": "no-such-user"}])
    assert result["failed"]
    assert "no-such-user" in result["msg"]
    assert not (tmp_path / "c.conf").exists()


def test_diff_hides_what_not_everybody_may_read(run, tmp_path):
    public, private = file(tmp_path / "public", "seen\n", "0644"), file(tmp_path / "private", "hidden\n", "0640")
    result = run("config_files", diff=True, files=[public, private])
    assert [entry["after"].startswith("seen") for entry in result["diff"]] == [True, False]
    assert "hidden" not in str(result)
    assert "diff" not in run("config_files", files=[file(tmp_path / "public", "other\n", "0644")])


def test_random_file_is_a_fernet_key_and_stays(run, tmp_path):
    entry = {"dest": str(tmp_path / "0"), "random_bytes": 32, "mode": "0600", **ME}
    assert run("config_files", files=[entry])["changed"]
    key = (tmp_path / "0").read_bytes()
    assert len(base64.urlsafe_b64decode(key)) == 32
    assert not run("config_files", files=[entry])["changed"]
    assert (tmp_path / "0").read_bytes() == key


def test_refused_content_leaves_the_old_file(run, tmp_path):
    path = tmp_path / "c.conf"
    run("config_files", files=[file(path, "good\n")])
    result = run("config_files", files=[file(path, "bad\n", validate="grep -q good %s")])
    assert result["failed"]
    assert str(path) in result["msg"]
    assert path.read_text() == "good\n"
    assert [found.name for found in tmp_path.iterdir()] == ["c.conf"]


def test_removes_what_shall_be_absent(run, tmp_path):
    path = tmp_path / "c.conf"
    path.write_text("x")
    entry = {"dest": str(path), "state": "absent"}
    assert run("config_files", check=True, files=[entry])["changed"]
    assert path.exists()
    assert run("config_files", files=[entry])["changed"]
    assert not path.exists()
    assert not run("config_files", files=[entry])["changed"]


@pytest.mark.parametrize("mode", ["0600", "0644"])
def test_parameters_are_not_repeated(run, tmp_path, mode):
    result = run("config_files", files=[file(tmp_path / "c", "top secret", mode)])
    assert "top secret" not in str(result)


def test_purges_what_is_not_stated(run, tmp_path):
    folder = {"path": str(tmp_path / "keys"), "mode": "0700", "purge": True, **ME}
    arguments = {"directories": [folder], "files": [file(tmp_path / "keys/1")]}
    run("config_files", **arguments)
    (tmp_path / "keys/0").write_text("old\n")
    (tmp_path / "keys/more").mkdir()
    planned = run("config_files", check=True, **arguments)
    assert (planned["changed_files"], (tmp_path / "keys/0").exists()) == ([str(tmp_path / "keys/0")], True)
    assert run("config_files", **arguments)["changed_files"] == [str(tmp_path / "keys/0")]
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["1", "more"]
    assert not run("config_files", **arguments)["changed"]
