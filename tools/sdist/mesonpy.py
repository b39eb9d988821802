"""In place of the build system of that name when pip fetches a source: pip asks it for a name and a version, and meson's would compile
everything to tell them. This one tells what PKG-INFO says (PEP 517) and builds nothing."""
import pathlib


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    text = pathlib.Path("PKG-INFO").read_text(encoding="utf-8")
    fields = dict(line.split(": ", 1) for line in text.split("\n\n", 1)[0].splitlines() if line.startswith(("Name: ", "Version: ")))
    folder = pathlib.Path(metadata_directory, f"{fields['Name']}-{fields['Version']}.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text(text, encoding="utf-8")
    return folder.name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    raise NotImplementedError("sources are fetched here, not built")
