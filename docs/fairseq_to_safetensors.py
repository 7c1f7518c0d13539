"""Weights of fairseq's checkpoints in safetensors, for `xp checkpoint import`.

usage: python3 docs/fairseq_to_safetensors.py FILE.pt... OUTPUT_FOLDER

Needs `pip install torch safetensors`, not fairseq. Writes OUTPUT_FOLDER/NAME.safetensors for each
NAME.pt: the tensors of its "model" under their own names, as float32. Optimizer state is left out.
Of what a checkpoint pickles only tensors are made; settings and other objects become placeholders,
so a file cannot run a program.
"""

import pathlib
import pickle
import sys
import types

import torch
from safetensors.torch import save_file

MADE = {("collections", "OrderedDict"), ("torch", "Size"), ("torch._utils", "_rebuild_tensor_v2"),
        ("torch._utils", "_rebuild_parameter")}


class Placeholder:
    """Takes what any object is made of, and keeps nothing."""

    def __init__(self, *args, **named):
        pass

    def __call__(self, *args, **named):
        return self

    def __setstate__(self, state):
        pass

    def __setitem__(self, key, value):
        pass

    def append(self, item):
        pass

    def extend(self, items):
        pass


class Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        is_type = module == "torch" and isinstance(getattr(torch, name, None), torch.dtype)
        if (module, name) in MADE or is_type or (module == "torch" and name.endswith("Storage")):
            return super().find_class(module, name)
        return Placeholder


def load(path):
    reader = types.ModuleType("reader")
    reader.Unpickler = Unpickler
    reader.load = lambda file, **options: Unpickler(file, **options).load()
    return torch.load(path, map_location="cpu", pickle_module=reader, weights_only=False)


def main(arguments):
    if len(arguments) < 2:
        sys.exit(__doc__)
    folder = pathlib.Path(arguments[-1])
    folder.mkdir(parents=True, exist_ok=True)
    for path in map(pathlib.Path, arguments[:-1]):
        model = load(path)["model"]
        # Tables that are shared are written for each of their names.
        tensors = {name: tensor.detach().float().clone().contiguous()
                   for name, tensor in model.items()}
        save_file(tensors, folder / f"{path.stem}.safetensors")
        print(folder / f"{path.stem}.safetensors")


if __name__ == "__main__":
    main(sys.argv[1:])
