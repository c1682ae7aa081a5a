import pytest

from scs_rack.cli.switch_upgrade import source_of
from scs_rack.errors import UsageError
from scs_rack.sonic.upgrade import Images, parse_images

LIST = "Current: SONiC-OS-202505.1\nNext: SONiC-OS-202511.2\nAvailable: \nSONiC-OS-202511.2\nSONiC-OS-202505.1\n"


def test_images_are_read():
    assert parse_images(LIST) == Images(
        "SONiC-OS-202505.1", "SONiC-OS-202511.2", ("SONiC-OS-202511.2", "SONiC-OS-202505.1")
    )


@pytest.mark.parametrize("text", ["", "Current: x\n", "command not found"])
def test_what_is_no_list_is_refused(text):
    with pytest.raises(ValueError, match="no list of images"):
        parse_images(text)


def test_an_image_is_a_file_or_a_plain_url(tmp_path):
    file = tmp_path / "x.bin"
    file.write_text("")
    assert source_of(str(file)).file == file
    assert source_of("http://10.90.0.1/x.bin").file is None
    for wrong in ("http://x/$(reboot)", "https://x/a b", str(tmp_path / "none.bin")):
        with pytest.raises(UsageError):
            source_of(wrong)
