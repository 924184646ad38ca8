"""Where files are: known folders, the names in them, and the way from a requested name to a path.

Folders have ComfyUI's names (`checkpoints`, `loras`, `input`, ...), so that an existing collection is used as it lies,
also through `extra_model_paths.yaml`. Names are relative to a folder's roots with forward slashes; a requested name
never leaves its root. The checkpoint that ships with the package is the last root of `checkpoints`, the pictures of the
example workflows are the last root of `input`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from graph.errors import GraphError
from graph.files import Digests
from nodes.truncation import is_cut_off
from nodes.weights.diffusers_folders import INDEX, files_of, is_sharded, pipeline_files
from nodes.weights.embedded import embedded_checkpoints

MODEL_SUFFIXES: Final = (".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".bin", ".pth", ".pkl")
IMAGE_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".ppm")

MODEL_FOLDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "checkpoints": ("checkpoints",),
    "configs": ("configs",),
    "loras": ("loras",),
    "vae": ("vae",),
    "text_encoders": ("text_encoders", "clip"),
    "diffusion_models": ("unet", "diffusion_models"),
    "clip_vision": ("clip_vision",),
    "style_models": ("style_models",),
    "embeddings": ("embeddings",),
    "diffusers": ("diffusers",),
    "vae_approx": ("vae_approx",),
    "controlnet": ("controlnet", "t2i_adapter"),
    "gligen": ("gligen",),
    "upscale_models": ("upscale_models",),
    "hypernetworks": ("hypernetworks",),
    "photomaker": ("photomaker",),
    "classifiers": ("classifiers",),
    "model_patches": ("model_patches",),
    "audio_encoders": ("audio_encoders",),
}
"""Folder name to its subdirectories of `models/`."""

OUTPUT_MODELS: Final[Mapping[str, str]] = {
    "checkpoints": "checkpoints",
    "text_encoders": "clip",
    "vae": "vae",
    "diffusion_models": "diffusion_models",
    "loras": "loras",
}
"""Folder name to the subdirectory of `output/` where saved models of that kind are found again."""

LEGACY_NAMES: Final[Mapping[str, str]] = {"unet": "diffusion_models", "clip": "text_encoders"}

EXAMPLES: Final = Path(__file__).parent.parent / "workflows" / "input"
"""The pictures that the workflows which ship with the package start from: the last root of `input`."""

_SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(MODEL_FOLDERS, MODEL_SUFFIXES),
    "configs": (".yaml",),
    "diffusers": (),
    "input": IMAGE_SUFFIXES,
    "output": IMAGE_SUFFIXES,
    "temp": IMAGE_SUFFIXES,
    "latents": (".latent",),
}
"""What is offered in a folder, by the end of the name; an empty tuple offers every file."""

PIPELINES: Final = "diffusers"
"""The folder whose entries are folders themselves, each with an index."""

DATASETS: Final = "datasets"
"""The folder whose names are folders: those of `input` in which pictures for training are."""

_ANNOTATION: Final = re.compile(r"(?P<name>.+) \[(?P<folder>input|output|temp)\]")
_ANNOTATED: Final = ("input", "output", "temp", "latents")
_SKIPPED_DIRECTORIES: Final = (".git",)


class FolderError(GraphError):
    """A folder or a name in it cannot be used. Codes: `path_outside_folder`, `unknown_folder`, `model_paths_file`."""

    code = "path_outside_folder"


@dataclass(frozen=True, slots=True)
class Folders:
    """Known folders as a `graph.files.Files`: each has roots, searched in order; the first is where new files go."""

    roots: Mapping[str, tuple[Path, ...]]
    digests: Digests = field(default_factory=Digests)

    @property
    def models(self) -> Sequence[str]:
        """The folders that hold models: all but those of pictures and latents."""
        return [folder for folder in self.roots if folder not in (*_ANNOTATED, DATASETS)]

    def names(self, folder: str) -> Sequence[str]:
        """What a folder offers: names from every root, sorted, each once. Empty for an unknown folder. In `diffusers`, the
        folders that have an index."""
        folder = LEGACY_NAMES.get(folder, folder)
        if folder == DATASETS:
            return sorted({name for root in self.roots.get(folder, ()) for name in _folders_in(root)})
        found = {name for root in self.roots.get(folder, ()) for name in files_under(root) if is_offered(folder, name)}
        if folder == PIPELINES:
            ends = f"/{INDEX}"
            return sorted(name.removesuffix(ends) for name in found if name.endswith(ends))
        return sorted(found)

    def meant(self, folder: str, name: str) -> tuple[str, str]:
        """The folder and the name in it. In the folders of pictures a name may say where it is: `cat.png [output]`; in
        those of models a backslash is a slash."""
        folder = LEGACY_NAMES.get(folder, folder)
        if folder in _ANNOTATED and (annotated := _ANNOTATION.fullmatch(name)):
            return annotated["folder"], annotated["name"]
        return folder, name if folder in _ANNOTATED else name.replace("\\", "/")  # a workflow made on Windows

    def find(self, folder: str, name: str) -> Path | None:
        """The file of that name (see `meant`), in `diffusers` the index of the folder. None if there is none or the name
        would leave the folder."""
        folder, name = self.meant(folder, name)
        if not is_inside(name):
            return None
        if folder == PIPELINES:
            name = f"{name}/{INDEX}"
        paths = (root / name for root in self.roots.get(folder, ()))
        is_there = os.path.isdir if folder == DATASETS else os.path.isfile
        return next((path for path in paths if is_there(path)), None)

    def existing(self, folder: str, name: str, what: str) -> Path:
        """The file of that name. Raises `FolderError` (`file_not_found`) that calls it what it is, if there is none."""
        path = self.find(folder, name)
        if path is None:
            raise FolderError(f"there is no {what} {name!r}", code="file_not_found")
        return path

    def digest(self, path: Path) -> str:
        """A digest of the file's content; of a folder, that of the names and contents in it; of an index, that of everything
        it stands for. Raises OSError when it cannot be read."""
        if path.is_dir():
            return self._digest_of_folder(path)
        if path.name != INDEX and not is_sharded(path):
            return self.digests.digest(path)
        files = pipeline_files(path) if path.name == INDEX else files_of(path)
        contents = [(str(one.relative_to(path.parent)), self.digests.digest(one)) for one in files]
        return hashlib.blake2b(repr(contents).encode(), digest_size=16).hexdigest()

    def _digest_of_folder(self, path: Path) -> str:
        contents = [(name, self.digests.digest(path / name)) for name in sorted(files_under(path))]
        return hashlib.blake2b(repr(contents).encode(), digest_size=16).hexdigest()

    def with_content(self, digest: str) -> Path | None:
        """A file known to have this content and unchanged since, wherever it is."""
        still = (path for path in self.digests.seen(digest) if os.path.isfile(path) and self.digest(path) == digest)
        return next(still, None)

    def root(self, folder: str) -> Path:
        """Where new files of a folder go. Raises `FolderError` for an unknown folder."""
        roots = self.roots.get(LEGACY_NAMES.get(folder, folder))
        if not roots:
            raise FolderError(f"there is no folder {folder!r}", code="unknown_folder")
        return roots[0]

    def place(self, folder: str, name: str) -> Path:
        """The path for a new file. Raises `FolderError` for a name that would leave the folder."""
        if not is_inside(name):
            raise FolderError(
                f"{name!r} would leave the folder {folder!r}",
                hint="Use a name relative to the folder, with forward slashes and without '..'.",
            )
        return self.root(folder) / name


def is_offered(folder: str, name: str) -> bool:
    """Whether a file of that name is one of those that the folder is there for, by the end of the name."""
    suffixes = _SUFFIXES.get(folder, ())
    return not suffixes or name.lower().endswith(suffixes)


def _folders_in(root: Path) -> Iterator[str]:
    """The folders directly in a root."""
    try:
        entries = list(os.scandir(root))
    except OSError:
        return
    yield from (entry.name for entry in entries if entry.is_dir() and is_inside(entry.name))


def is_inside(name: str) -> bool:
    """Whether a requested name stays in whatever folder it is looked up in."""
    if "\\" in name or "\0" in name or not _is_utf8(name):
        return False
    return all(part not in ("", ".", "..") for part in name.split("/"))


def _is_utf8(name: str) -> bool:
    """Whether a name can be written into a workflow: a file's name on disk is any bytes."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def standard_folders(
    base: Path,
    *,
    models: Path | None = None,
    inputs: Path | None = None,
    outputs: Path | None = None,
    temp: Path | None = None,
    extra_paths: Iterable[Path] = (),
    digests: Digests | None = None,
) -> Folders:
    """The folders below `base` (`models/`, `input/`, `output/`, `temp/`), each of which may be elsewhere.

    `extra_paths` are files in the form of `extra_model_paths.yaml`; one beside `models/` is read by itself. Nothing is
    created and nothing needs to exist. Raises `FolderError` (`model_paths_file`) for such a file that makes no sense.
    """
    models, inputs = models or base / "models", inputs or base / "input"
    outputs, temp = outputs or base / "output", temp or base / "temp"
    roots = {kind: [models / part for part in parts] for kind, parts in MODEL_FOLDERS.items()}
    for kind, part in OUTPUT_MODELS.items():
        roots[kind].append(outputs / part)
    beside = models.parent / "extra_model_paths.yaml"
    for file in [*([beside] if beside.is_file() else []), *extra_paths]:
        for extra in read_extra_paths(file):
            known = roots.setdefault(extra.folder, [])
            known.insert(0 if extra.first else len(known), extra.path)
    roots["checkpoints"] += dict.fromkeys(path.parent for path in embedded_checkpoints().values())
    roots |= {"input": [inputs, EXAMPLES], "output": [outputs], "temp": [temp], "latents": [inputs]}
    roots[DATASETS] = [inputs, EXAMPLES]
    return Folders({kind: tuple(paths) for kind, paths in roots.items()}, digests or Digests(is_useless=is_cut_off))


@dataclass(frozen=True, slots=True)
class ExtraPath:
    """One more root of a folder; `first` puts it before the others, so that new files go there."""

    folder: str
    path: Path
    first: bool = False


def read_extra_paths(file: Path) -> tuple[ExtraPath, ...]:
    """The roots that an `extra_model_paths.yaml` adds. Raises `FolderError` (`model_paths_file`).

    Each section may have a `base_path` (with `~` and environment variables, relative to the file) and `is_default`;
    every other key is a folder with one path or several on lines of their own.
    """
    import yaml

    try:
        sections = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FolderError(f"{file} cannot be read: {error}", code="model_paths_file") from None
    if sections is None:
        return ()
    if not isinstance(sections, dict):
        raise _wrong_section(file, "the file", "sections by name")
    return tuple(extra for name, section in sections.items() for extra in _section(file, name, section))


def _section(file: Path, name: object, section: object) -> Iterator[ExtraPath]:
    if section is None:
        return
    if not isinstance(section, dict):
        raise _wrong_section(file, f"section {name!r}", "folders by name")
    first = section.get("is_default", False) is True
    base = file.parent / _expanded(str(section.get("base_path") or ""))
    for folder, paths in section.items():
        if folder in ("base_path", "is_default", "custom_nodes") or paths is None:
            continue
        if not isinstance(paths, str):
            raise _wrong_section(file, f"{folder!r} in section {name!r}", "a path, or several on lines of their own")
        for path in paths.splitlines():
            if path.strip():
                yield ExtraPath(LEGACY_NAMES.get(folder, str(folder)), base / _expanded(path.strip()), first)


def _expanded(path: str) -> str:
    return os.path.expanduser(os.path.expandvars(path))


def _wrong_section(file: Path, what: str, wanted: str) -> FolderError:
    return FolderError(f"{file}: {what} should be {wanted}", code="model_paths_file")


def files_under(root: Path) -> Iterator[str]:
    """Names of all files below a root. Symbolic links are followed, each directory is entered once."""
    entered: set[tuple[int, int]] = set()
    pending = [""]
    while pending:
        prefix = pending.pop()
        try:
            stat = os.stat(root / prefix)
            entries = list(os.scandir(root / prefix))
        except OSError:
            continue  # a folder that does not exist, or may not be read, offers nothing
        if (stat.st_dev, stat.st_ino) in entered:
            continue
        entered.add((stat.st_dev, stat.st_ino))
        for entry in entries:
            name = prefix + entry.name
            try:
                is_directory, is_file = entry.is_dir(), entry.is_file()
            except OSError:
                continue  # a link to itself is neither
            if is_directory:
                if entry.name not in _SKIPPED_DIRECTORIES:
                    pending.append(name + "/")
            elif is_file and is_inside(name):
                yield name
