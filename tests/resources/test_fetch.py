"""Images come from where the rack file says, with the digest that they must have, or not at all."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scs_rack.errors import StageFailed
from scs_rack.model.images import CloudImage
from scs_rack.resources import fetch as module
from scs_rack.resources.fetch import Origin, digest_of, fetch, listed, origin

SAID = {"os_distro": "debian", "os_version": "13", "user": "debian", "description": "Debian"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCS_RACK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def image(source: object, **stated: object) -> CloudImage:
    return CloudImage.model_validate({"source": str(source), **SAID, **stated})


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Mirror:
    """An HTTP server of files that notes what it was asked, and breaks off when told to."""

    def __init__(self) -> None:
        mirror = self
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.cut: int | None = None

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("Range")
                mirror.asked.append((self.path, wanted))
                data = mirror.files.get(self.path.lstrip("/"))
                if data is None:
                    self.send_error(404)
                    return
                start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
                if start >= len(data) and wanted:
                    self.send_error(416)
                    return
                self.send_response(206 if wanted else 200)
                if wanted:
                    self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
                self.send_header("Content-Length", str(len(data) - start))
                self.send_header("Last-Modified", "Sun, 01 Nov 2026 10:00:00 GMT")
                self.end_headers()
                self.wfile.write(data[start : mirror.cut])

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    one = Mirror()
    yield one
    one.server.shutdown()
    one.server.server_close()


def test_a_file_with_the_list_beside_it(tmp_path: Path) -> None:
    (tmp_path / "x.raw").write_bytes(b"disk")
    (tmp_path / "SHA256SUMS").write_text(f"{sha256(b'disk')[7:]} *x.raw\n")
    assert origin("i", image("x.raw"), tmp_path) == Origin(str(tmp_path / "x.raw"), sha256(b"disk"))


def test_a_file_alone_has_its_own_digest(tmp_path: Path) -> None:
    (tmp_path / "x.raw").write_bytes(b"disk")
    where = origin("i", image(tmp_path / "x.raw"), Path("/"))
    assert where.digest == f"sha512:{hashlib.sha512(b'disk').hexdigest()}"
    assert fetch("i", where)[0] == tmp_path / "x.raw"


def test_of_several_in_a_folder_the_last_by_name(tmp_path: Path) -> None:
    for day in ("20261101", "20261103", "20261102"):
        (tmp_path / f"deb-{day}.raw").write_bytes(day.encode())
    assert origin("i", image(tmp_path, file="deb-*.raw"), tmp_path).where.endswith("deb-20261103.raw")


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"source": "gone.raw"}, "there is no"),
        ({"source": ".", "file": "none-*"}, "no file none-"),
        ({"source": "."}, "is a folder"),
        ({"source": "x.raw", "checksum": "MD5SUMS"}, "MD5SUMS can't be read"),
        ({"source": "x.raw", "checksum": "OTHERS"}, "OTHERS has no line for x.raw"),
    ],
)
def test_what_is_not_there(tmp_path: Path, stated: dict[str, str], words: str) -> None:
    (tmp_path / "x.raw").write_bytes(b"disk")
    (tmp_path / "OTHERS").write_text(f"{'0' * 64}  y.raw\n")
    with pytest.raises(StageFailed, match=words):
        origin("i", image(**stated), tmp_path)


def test_another_content_than_the_digest_says_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.raw").write_bytes(b"disk")
    where = origin("i", image("x.raw", checksum=sha256(b"other")), tmp_path)
    with pytest.raises(StageFailed, match="is wanted"):
        fetch("i", where)
    assert (tmp_path / "x.raw").exists()


def test_lists_of_all_kinds() -> None:
    text = f"# x\n{'a' * 64}  ./a b.img\n{'b' * 128} *b.img\nSHA256 (c.img) = {'C' * 64}\nrubbish\n"
    assert listed(text) == {
        "a b.img": f"sha256:{'a' * 64}",
        "b.img": f"sha512:{'b' * 128}",
        "c.img": f"sha256:{'c' * 64}",
    }


def test_a_mirror_by_its_list(tmp_path: Path, mirror: Mirror) -> None:
    mirror.files = {"m/deb-1.raw": b"one", "m/deb-2.raw": b"two"}
    mirror.files["m/SHA512SUMS"] = b"".join(
        f"{hashlib.sha512(data).hexdigest()}  {name.removeprefix('m/')}\n".encode()
        for name, data in mirror.files.items()
    )
    stated = image(mirror.url + "m/", file="deb-*.raw", checksum=mirror.url + "m/SHA512SUMS")
    where = origin("i", stated, tmp_path)
    assert where.where.endswith("/m/deb-2.raw")
    assert [path for path, _ in mirror.asked] == ["/m/SHA512SUMS"]  # nothing else is fetched to plan
    path, day = fetch("i", where)
    assert path.read_bytes() == b"two"
    assert day.isoformat() == "2026-11-01"
    fetch("i", where)
    assert len(mirror.asked) == 2  # it was there already


def test_a_download_that_broke_off_is_gone_on_with(tmp_path: Path, mirror: Mirror) -> None:
    data = bytes(range(256)) * 40
    mirror.files["x.raw"] = data
    where = origin("i", image(mirror.url + "x.raw", checksum=sha256(data)), tmp_path)
    mirror.cut = 4000
    with pytest.raises(StageFailed, match="ended after 4000") as error:
        fetch("i", where)
    assert "go on" in error.value.hint
    mirror.cut = None
    assert fetch("i", where)[0].read_bytes() == data
    assert mirror.asked[-1] == ("/x.raw", "bytes=4000-")


def test_a_whole_download_that_is_wrong_goes(tmp_path: Path, mirror: Mirror, cache: Path) -> None:
    mirror.files["x.raw"] = b"evil"
    where = origin("i", image(mirror.url + "x.raw", checksum=sha256(b"good")), tmp_path)
    with pytest.raises(StageFailed, match="is wanted"):
        fetch("i", where)
    assert not list((cache / "images").iterdir())
    mirror.files["x.raw"] = b"good"
    assert fetch("i", where)[0].read_bytes() == b"good"


def test_a_part_longer_than_the_file_is_begun_again(tmp_path: Path, mirror: Mirror, cache: Path) -> None:
    mirror.files["x.raw"] = b"new"
    where = origin("i", image(mirror.url + "x.raw", checksum=sha256(b"new")), tmp_path)
    (cache / "images").mkdir(parents=True)
    (cache / "images" / (where.digest.replace(":", "-") + ".part")).write_bytes(b"older and longer")
    assert fetch("i", where)[0].read_bytes() == b"new"


def test_no_mirror(tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 2.0)
    with pytest.raises(StageFailed, match="no list of digests"):
        origin("i", image(mirror.url + "x.raw"), tmp_path)
    with pytest.raises(StageFailed, match="404"):
        fetch("i", Origin(mirror.url + "x.raw", sha256(b"x")))


def test_digests_are_kept_until_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"one")
    first = digest_of(path)
    path.write_bytes(b"twoo")
    assert digest_of(path) == f"sha512:{hashlib.sha512(b'twoo').hexdigest()}" != first
