"""Unpacks from PyTorch's wheels what a C++ program needs: headers, libraries, licences; for CUDA
also its compiler.

usage: unpack_wheels.py cpu|cuda WHEELS FOLDER

The layout of the wheels is kept, because the libraries find each other by relative paths. For the
CPU that is about 500 MB; the CUDA runtime and CUPTI belong to it, since libtorch_cpu links them.
"""

import os
import pathlib
import sys
import zipfile

CPU_LIBRARIES = {
    "libtorch_cpu.so",
    "libc10.so",
    "libgomp.so.1",
    "libcudart.so.13",
    "libcupti.so.13",
}


def is_licence(name):
    return any(word in name.lower() for word in ("license", "notice", "copying"))


def wanted(kind, path):
    name = os.path.basename(path)
    if path.startswith("torch/include/"):
        return True
    if path.startswith("torch/lib/"):
        if kind == "cpu":
            return name in CPU_LIBRARIES
        return name.endswith((".so", ".so.1")) and "python" not in name and "libshm" not in name
    if path.startswith("nvidia/") and kind == "cpu":
        return name in CPU_LIBRARIES
    if path.startswith("nvidia/"):
        is_kept = any(f"/{folder}/" in path for folder in ("lib", "include", "bin", "nvvm"))
        return is_kept and not name.startswith("libnvvm.") or is_licence(name)
    return ".dist-info/" in path and is_licence(path)


def main():
    kind, wheels, folder = sys.argv[1:]
    total = 0
    for wheel in sorted(pathlib.Path(wheels).glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                if not member.is_dir() and wanted(kind, member.filename):
                    path = archive.extract(member, folder)
                    if "/bin/" in member.filename:
                        os.chmod(path, 0o755)
                    total += member.file_size
    print(f"get-libtorch: unpacked {total / 1e6:.0f} MB", file=sys.stderr)


if __name__ == "__main__":
    main()
