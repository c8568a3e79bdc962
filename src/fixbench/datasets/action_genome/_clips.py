"""The picture files of a clip."""

from __future__ import annotations

from pathlib import Path

from fixbench.errors import InputError


class Pictures:
    """Which files a clip consists of; lists each video's folder once."""

    def __init__(self, folder: Path, length: int, rate: int, longest_gap: int) -> None:
        self._folder, self._length, self._rate = folder, length, rate
        self._longest_gap = longest_gap
        self._video, self._names = "", frozenset[str]()
        self.filled = 0

    def clip(self, key: str) -> tuple[Path, ...]:
        video, name = key.split("/")
        if video != self._video:
            try:
                self._names = frozenset(path.name for path in (self._folder / video).iterdir())
            except OSError as error:
                expected = "a folder with the frames of this video"
                raise InputError(self._folder / video, "", expected=expected) from error
            self._video = video
        last, suffix = int(Path(name).stem), Path(name).suffix
        if name not in self._names:
            raise InputError(self._folder / key, "", expected="the picture of this annotated frame")
        files = []
        for step in reversed(range(self._length)):
            wanted = max(1, last - step * self._rate)
            nearest = min(wanted + self._longest_gap, last)
            for number in range(wanted, nearest + 1):
                stored = f"{number:06d}{suffix}"
                if stored in self._names:
                    break
            else:
                expected = f"this frame of the clip that ends at {name}; dump all frames of the "
                expected += "video, or set longest_gap"
                raise InputError(
                    self._folder / video / f"{wanted:06d}{suffix}", "", expected=expected
                )
            self.filled += number != wanted
            files.append(self._folder / video / stored)
        return tuple(files)
