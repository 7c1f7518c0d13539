"""The house rules that a machine can check, as the test `tidy`.

usage: python3 engine/tools/tidy.py [ROOT]

Prints every breach as path:line: what is wrong and what to do, and ends with 1 if there is one. A
rule is a function of a Tree; rules know no exceptions but those in the tables at the top.
"""

import collections
import functools
import pathlib
import posixpath
import re
import subprocess
import sys

MAX_LINES = 600
MAX_COLUMNS = 100
MAX_BYTES = 256 * 1024

# Who may include whom. A folder may always include itself; a test also engine/testing.
MAY_INCLUDE = {
    "engine/base": "",
    "registry": "engine/base",
    "results/runs": "registry engine/base",
    "results/store": "results/runs registry engine/base",
    "results/report": "results/store results/runs registry engine/base",
    "engine/experiment": "registry engine/base",
    "engine/plan": "engine/experiment results/runs registry engine/base",
    "engine/data": "registry engine/base",
    "engine/device": "registry engine/base",
    "engine/comm": "engine/device engine/base",
    "engine/nn": "engine/comm engine/device registry engine/base",
    "engine/moe": "engine/nn engine/comm engine/device registry engine/base",
    "engine/cuda": "engine/launch engine/moe engine/nn engine/device engine/comm registry"
    " engine/base",
    "engine/train": "engine/nn engine/data engine/comm engine/device results/runs registry"
    " engine/base",
    "engine/eval": "engine/moe engine/nn engine/data engine/comm engine/device results/runs"
    " registry engine/base",
    "engine/launch": "registry engine/base",
    "engine/run": "engine/plan engine/data engine/experiment engine/launch results/runs registry"
    " engine/base",
    "engine/testing": "engine/run engine/launch engine/plan engine/data engine/experiment"
    " results/runs registry engine/base",
    "engine/laws": "engine/testing engine/moe engine/nn engine/data engine/comm engine/experiment"
    " registry engine/base",
    "engine/stand_in": "engine/train engine/eval engine/moe engine/nn engine/data engine/comm"
    " engine/device results/runs registry engine/base",
    "engine/cli/terminal": "engine/base",
    "engine/cli/parser": "engine/base",
    "engine/cli/points": "engine/cli/parser engine/cli/terminal engine/run engine/launch"
    " engine/plan engine/data engine/experiment results/store results/runs registry engine/base",
    "engine/cli/commands": "engine/cli/points engine/cli/parser engine/cli/terminal engine/run"
    " engine/launch engine/plan engine/data engine/experiment results/report results/store"
    " results/runs registry engine/base",
    "engine/cli": "engine/cli/parser engine/base",
    "engine/conformance": "engine/train engine/moe engine/nn engine/comm engine/device results/runs"
    " registry engine/base",
    "engine/worker": "engine/laws engine/train engine/eval engine/launch engine/run engine/plan"
    " engine/moe engine/nn engine/data engine/comm engine/device engine/experiment results/runs"
    " registry engine/base",
    "bench": "engine/eval engine/moe engine/nn engine/launch engine/comm engine/device"
    " results/runs registry engine/base",
    "plugins": "engine/moe engine/nn engine/data engine/launch engine/comm engine/device registry"
    " engine/base",
    "docs": "engine/moe engine/nn engine/data engine/launch engine/comm registry engine/base",
}
# Top folders whose parts are layers of their own.
NESTED = ("engine", "plugins", "results")
# Headers whose words are tensors and links. Only folders that have torch may include them.
TORCH_INTERFACES = {"engine/testing/ranks.h", "engine/testing/gradients.h"} | {
    f"registry/{kind}.h" for kind in ("model", "router", "exchange", "optimizer", "draws")
}
TORCH_FOLDERS = {"engine/device", "engine/stand_in", "engine/comm", "engine/nn", "engine/moe",
                 "engine/cuda",
                 "engine/train", "engine/eval", "engine/laws", "engine/worker",
                 "engine/conformance", "bench", "docs"} | {
    f"plugins/{kind}" for kind in ("model", "router", "exchange", "optimizer")
}
TORCH_HEADER = re.compile(r"(torch|ATen|c10|caffe2)/")

# One place per foreign language: a header and the only paths that may speak it.
FOREIGN = [
    (r"toml\+\+/", ("engine/base/toml.cpp",), "read TOML through engine/base/toml.h"),
    (r"(SQLiteCpp/|sqlite3\.h)", ("results/store/",), "only results/store speaks SQL"),
    (r"CLI/", ("engine/cli/", "engine/worker/", "engine/conformance/"),
     "words of a command line belong to engine/cli"),
    (r"sentencepiece", ("plugins/tokenizer/", "plugins/metric/line_tokenizer.cpp"),
     "pieces come from a Tokenizer"),
    (r"(torch/csrc/distributed|gloo)/", ("engine/comm/",), "links are reached through engine/comm"),
    (r"torch/torch\.h", (), "it costs 15 s a file; torch/types.h or torch/nn/module.h will do"),
]

READS_ENVIRONMENT = ("engine/base/", "engine/cli/", "engine/cuda/", "engine/launch/",
                     "engine/worker/", "plugins/launcher/", "engine/testing/",
                     "results/runs/provenance.cpp")
# Who may fork or exec besides tests; everybody else asks engine/base/process.h.
STARTS_PROCESSES = ("engine/base/process.cpp", "engine/launch/fork_server.cpp",
                    "engine/cli/commands/run.cpp", "engine/conformance/", "engine/testing/",
                    "bench/")
KEEPS_NO_ORDER = ("engine/base/", "engine/data/", "engine/device/", "engine/comm/", "engine/nn/",
                  "engine/moe/", "engine/train/", "engine/eval/", "engine/worker/", "plugins/")
# Words that cannot land: a pattern, the paths where it can, and what to do instead.
BANNED = [
    (r"\bFIXME\b", (), "fix it, or write a TODO with the reason to wait"),
    (r"\busing namespace\b", (), "name the thing that is used"),
    (r"\bstd::(cout|cerr|endl)\b", (), "print with fmt: results on stdout, progress on stderr"),
    (r"\b(std::)?rand\(\)|\bstd::random_device\b", (), "draw from a named stream"),
    (r"\b(secure_)?getenv\b|\benviron\b", ("engine/base/environment.cpp", "engine/testing/"),
     "use engine/base/environment.h"),
    (r"\b(environment_value|own_environment)\b", READS_ENVIRONMENT,
     "read it in cli or a launcher and pass the value on"),
    (r"\bstd::unordered_(map|set)\b", KEEPS_NO_ORDER,
     "its order may reach a file, an id or a message; use std::map or a sorted vector"),
    (r"\bstd::ll?round\(|static_cast<[\w:]+>\(std::(floor|ceil|round|trunc|pow|exp|log\w*)\(",
     (), "a number that does not fit is undefined; use engine/base/to_integer.h"),
    (r"#pragma GCC diagnostic", (), "fix what the warning is about"),
    (r"\bNOLINT(?!(NEXTLINE)?\([\w-]+\))", (), "name the one check that is wrong here"),
]
# Words of a riddle for which engineers have a plain one (CONTRIBUTING.md, "Plain English"). A space
# stands for any, also between lines of comments, and for the _ of a name.
PLAIN = [
    (r"\bmend(s|ed|ing)?\b", "fix"),
    (r"\bforet(ells?|old)\b", "predict"),
    (r"\b(goes|going|went|gone) on\b", "continue or resume"),
    (r"\b(empty|nothing|none|absent|true|false|null) where\b", "if"),
    (r"\b(only|no) asking helps\b", "must poll"),
    (r"\bkMost\b|\bkFewest\b", "kMax... or kMin..."),
    (r"\bxp works on\b", "is running"),
    (r"\btakes? in what\b", "import or record"),
]
GAP = r"(?: |\n\s*(?://+|#|-|\|)?\s*)"
PLAIN_IN = (".h", ".cpp", ".md", ".toml", ".sh", ".cmake", "CMakeLists.txt", "Makefile", ".txt")
# The settings of one exchange are nobody else's business, but for the texts that show an experiment
# and the options of the predecessor.
SHARE = re.compile(r"\b(alpha|ratio1)\b")
NAMES_SHARES = ("engine/conformance/", "engine/testing/", "engine/cli/commands/init.cpp",
                "engine/experiment/fairseq_names.h")
# A test is about our own names and may take them all.
TEST_IDIOM = "using namespace xp;  // NOLINT: tests read better without the prefix"
# Headers whose functions have a source each, by what they are for.
IMPLEMENTED_ELSEWHERE = {
    "engine/conformance/cases.h", "engine/cuda/launch.h", "engine/laws/laws.h",
    "engine/worker/commands.h"}
BAD_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|manager|impl|misc)(_|\.|$)")
THIRD_PARTY = "cmake/gloo-shim/"
SKIPPED = re.compile(r"(^|/)(\.git|\.deps|\.cache|__pycache__|build[^/]*|xp-workspace)(/|$)")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')

Include = collections.namedtuple("Include", "line own foreign")


class Tree:
    """The files of a source tree: path -> text, or bytes if it is not text."""

    def __init__(self, files):
        self.files = files

    @staticmethod
    def read(root):
        root = pathlib.Path(root)
        files = {}
        for path in sorted(listed(root)):
            data = (root / path).read_bytes()
            try:
                files[path] = data.decode()
            except UnicodeDecodeError:
                files[path] = data
        return Tree(files)

    def texts(self, *endings):
        for path, text in self.files.items():
            ours = isinstance(text, str) and not path.startswith(THIRD_PARTY)
            if ours and path.endswith(endings):
                yield path, text

    def cpp(self):
        return self.texts(".h", ".cpp")

    @functools.cached_property
    def folders(self):
        return {str(parent) for path in self.files for parent in pathlib.PurePosixPath(path).parents
                if str(parent) != "."}

    @functools.cached_property
    def includes(self):
        return {path: list(includes_of(text)) for path, text in self.cpp()}


def listed(root):
    """What git would commit; outside of a repository, what does not look like build output."""
    command = "git ls-files -z --cached --others --exclude-standard".split()
    try:
        out = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout.decode()
        paths = {path for path in out.split("\0") if path}
    except (OSError, subprocess.CalledProcessError):
        paths = {str(path.relative_to(root)) for path in root.rglob("*")}
    return [p for p in paths if not SKIPPED.search(p) and (root / p).is_file()]


def includes_of(text):
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield Include(number, found[1], found[2])


def folder_of(path):
    """The unit of the layering: engine/X, engine/cli/X, results/X, plugins/KIND or a top folder."""
    parts = path.split("/")[:-1]
    depth = 3 if path.startswith("engine/cli/") else 2
    return "/".join(parts[:depth if parts[:1] and parts[0] in NESTED else 1]) or path


def layers(tree):
    for path, includes in tree.includes.items():
        folder = folder_of(path)
        layer = folder.split("/")[0] if folder.startswith("plugins") else folder
        if layer not in MAY_INCLUDE:
            yield path, 1, f"'{folder}' is not in the table of layers in engine/tools/tidy.py"
            continue
        allowed = {folder, *MAY_INCLUDE[layer].split()}
        if path in TORCH_INTERFACES:
            allowed.add("engine/comm")
        if path.endswith("_test.cpp"):
            allowed.add("engine/testing")
        for include in includes:
            if include.own and include.own not in tree.files:
                yield path, include.line, f"no file '{include.own}'; paths start at the root"
            elif include.own and folder_of(include.own) not in allowed:
                yield path, include.line, (
                    f"'{folder}' may not include '{folder_of(include.own)}', only"
                    f" {', '.join(sorted(allowed - {folder})) or 'itself'}"
                )


def build_agrees(tree):
    """What CMake links is what the table allows: one graph, said in two languages."""
    for path, text in tree.texts("CMakeLists.txt"):
        module = re.search(r"xp_module\(\w+([^)]*)\)", text)
        folder = path.rpartition("/")[0]
        if not module or folder not in MAY_INCLUDE:
            continue
        uses = re.search(r"\bUSES((?: [a-z]+|\s)*)", module[1])
        linked = set(uses[1].split()) if uses else set()
        table = {name.rpartition("/")[2] for name in MAY_INCLUDE[folder].split()}
        if linked != table:
            yield path, 1, f"USES differs from the table of layers by {sorted(linked ^ table)}"


def torch_agrees(tree):
    """What CMake builds with torch is what the tables above say."""
    for path, text in tree.texts("CMakeLists.txt"):
        module = re.search(r"^xp_module\(\w+([^)]*)\)", text, re.M)
        folder = path.rpartition("/")[0]
        if not module or folder not in MAY_INCLUDE:
            continue
        headers = re.search(r"\bTORCH_HEADERS((?:\s+[a-z_]+\.h)+)", module[1])
        listed_here = {f"{folder}/{name}" for name in headers[1].split()} if headers else set()
        table = {header for header in TORCH_INTERFACES if header.rpartition("/")[0] == folder}
        if listed_here != table:
            yield path, 1, f"TORCH_HEADERS differs from tidy.py by {sorted(listed_here ^ table)}"
        if bool(re.search(r"\bTORCH\b", module[1])) != (folder in TORCH_FOLDERS):
            yield path, 1, f"TORCH differs from tidy.py, whose TORCH_FOLDERS decide for '{folder}'"


def torch_stays_in_its_folders(tree):
    for path, includes in tree.includes.items():
        if folder_of(path) in TORCH_FOLDERS or path in TORCH_INTERFACES:
            continue
        for include in includes:
            if include.own in TORCH_INTERFACES or TORCH_HEADER.match(include.foreign or ""):
                yield path, include.line, (
                    f"'{folder_of(path)}' is built without torch and cannot include"
                    f" '{include.own or include.foreign}'"
                )


def foreign_languages(tree):
    for path, includes in tree.includes.items():
        for include in includes:
            for pattern, places, advice in FOREIGN:
                if re.match(pattern, include.foreign or "") and not path.startswith(places):
                    yield path, include.line, f"'{include.foreign}' does not belong here: {advice}"


def used_headers(tree):
    included = {include.own for includes in tree.includes.values() for include in includes}
    for path, _ in tree.texts(".h"):
        if path not in included:
            yield path, 1, "no file includes this header; delete it or use it"


def sizes(tree):
    for path, content in tree.files.items():
        size = len(content.encode() if isinstance(content, str) else content)
        if size > MAX_BYTES:
            yield path, 1, f"{size >> 10} KiB; {MAX_BYTES >> 10} is the most a file may have"
    for path, text in tree.cpp():
        count = len(text.splitlines())
        if count > MAX_LINES:
            yield path, MAX_LINES + 1, f"{count} lines; give the second purpose a file of its own"
    for path, text in tree.texts(".h", ".cpp", ".py", ".sh", ".cmake", "CMakeLists.txt"):
        for number, line in enumerate(text.splitlines(), 1):
            if len(line) > MAX_COLUMNS:
                yield path, number, f"{len(line)} columns; {MAX_COLUMNS} is the most"


def purpose_first(tree):
    for path, text in tree.cpp():
        if not re.match(r"// \S", text):
            yield path, 1, "line 1 must be a comment that says what the file is for"
    for path, text in tree.texts(".h"):
        if "\n#pragma once\n" not in text:
            yield path, 1, "a header needs #pragma once"
    for path, text in tree.texts(".toml"):
        if path.startswith("experiments/") and not text.startswith("# "):
            yield path, 1, "line 1 must be a comment that says what the experiment shows"


def words(tree):
    for path, text in tree.cpp():
        for number, line in enumerate(text.splitlines(), 1):
            if line == TEST_IDIOM and path.endswith("_test.cpp"):
                continue
            for pattern, places, advice in BANNED:
                found = re.search(pattern, line)
                if found and not path.startswith(places):
                    yield path, number, f"'{found[0]}' cannot land: {advice}"
            comment = re.match(r"\s*//.*", line)
            if comment and not comment[0].isascii():
                yield path, number, "a comment is ASCII"
            if line != line.rstrip():
                yield path, number, "white space at the end of the line"


def one_json_writer(tree):
    """nlohmann's dump throws at a file name that is not UTF-8; the Store has a dump of its own."""
    exempt = ("engine/base/value", "engine/base/json_text", "results/store/")
    for path, text in tree.cpp():
        if path.endswith("_test.cpp") or path.startswith(exempt):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(r"(\.|->)dump\(", line):
                yield path, number, "write JSON with json_text, or canonical_text for an id"


def one_place_starts_processes(tree):
    for path, text in tree.cpp():
        if path.startswith(STARTS_PROCESSES) or re.search(r"_(test|fixture)\.", path):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            found = re.search(r"::(v?fork|execv\w*|posix_spawn\w*)\(|\b(popen|system)\(", line)
            if found:
                yield path, number, f"'{found[0]}': use start_process of engine/base/process.h"


def plain_words(tree):
    for path, text in tree.texts(*PLAIN_IN):
        if path == "CONTRIBUTING.md":
            continue
        plain = text.replace("_", " ")
        for pattern, better in PLAIN:
            for found in re.finditer(pattern.replace(" ", GAP), plain):
                number = plain.count("\n", 0, found.start()) + 1
                said = " ".join(re.findall(r"\w+", found[0]))
                yield path, number, f"'{said}': write '{better}' (CONTRIBUTING.md)"


def shares_stay_in_exchanges(tree):
    for path, text in tree.cpp():
        shared = path.startswith(("engine/", "registry/", "results/"))
        if not shared or path.startswith(NAMES_SHARES) or re.search(r"_(test|fixture)\.", path):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            found = SHARE.search(re.sub(r"//.*", "", line))
            if found:
                yield path, number, f"'{found[0]}' belongs to an exchange: ask its declaration"


def names(tree):
    for path, _ in tree.cpp():
        name = path.rsplit("/", 1)[-1]
        if BAD_NAMES.search(name):
            yield path, 1, f"'{name}' says nothing; name the noun that is in it"
        elif not re.fullmatch(r"[a-z][a-z0-9_]*\.(h|cpp)", name):
            yield path, 1, "a file name is snake_case"


def readme_map(tree):
    """README's table of folders: rows `| `folder/` | what |`, for top folders and engine's."""
    rows = {}
    for number, line in enumerate(tree.files.get("README.md", "").splitlines(), 1):
        found = re.match(r"\| `([\w/-]+)/` \|", line)
        if found:
            rows[found[1]] = number
    for folder, number in rows.items():
        if folder not in tree.folders:
            yield "README.md", number, f"the map names '{folder}', which is not in the tree"
    for folder in sorted(tree.folders):
        mapped = (folder.count("/") == 0 or folder in MAY_INCLUDE
                  or re.fullmatch(r"engine/\w+", folder))
        if mapped and not folder.startswith(".") and folder not in rows:
            yield "README.md", 1, f"the map lacks '{folder}'"


SECTION = r"\d+(?:\.\d+)?"
CITATION = re.compile(rf"\b([a-z-]+\.md) ({SECTION}(?:(?:, | and ){SECTION})*)")
SECTION_START = re.compile(rf"^(?:#+ |- \*\*)({SECTION})\b", re.M)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)|\b(docs/[a-z0-9_/-]+\.md)\b")

# A path in a document, as `engine/base/file.h`; one with capitals stands for many.
NAMED_PATH = re.compile(r"`((?:bench|cmake|docs|engine|experiments|plugins|registry|results"
                        r"|scripts)/[a-z0-9_/.-]*)`")


def citations(tree):
    """A cited section ("predecessor.md 4.3") and a linked or named file exist."""
    sections = {path: set(SECTION_START.findall(text)) for path, text in tree.texts(".md")}
    for path, text in tree.texts(".h", ".cpp", ".md", ".toml", ".py", ".cmake", "CMakeLists.txt"):
        if path.startswith("engine/tools/"):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for document, cited in CITATION.findall(line):
                for section in re.findall(SECTION, cited):
                    if section not in sections.get(f"docs/{document}", ()):
                        yield path, number, f"docs/{document} has no section {section}"
            for target in sorted(files_named(path, line)):
                if target not in tree.files and target not in tree.folders:
                    yield path, number, f"no file '{target}'"


COMMAND = re.compile(r'^XP_COMMAND\([^"]*"([a-z-]+)"', re.M)
FOR_SHELLS = {"complete"}  # no command of a person
# `xp plan`, and a line of a listing that begins with it.
TYPED = re.compile(r"(?:`|^    (?:\$ )?)(?:build/)?(xp|make) ([a-z][a-z-]*)\b(?!\.)", re.M)


def typed_commands(tree):
    """Commands and targets of make that texts tell a reader to type exist."""
    known = {
        "xp": {name for _, text in tree.cpp() for name in COMMAND.findall(text)} | FOR_SHELLS,
        "make": set(re.findall(r"^([a-z-]+):", tree.files.get("Makefile", ""), re.M)),
    }
    for path, text in tree.texts(".h", ".cpp", ".md", ".toml", ".sh", "Makefile"):
        if path.endswith("_test.cpp"):
            continue
        for found in TYPED.finditer(text):
            if known[found[1]] and found[2] not in known[found[1]]:
                number = text.count("\n", 0, found.start()) + 1
                yield path, number, f"no command '{found[1]} {found[2]}'"


def linked_documents(tree):
    linked = {named for path, text in tree.texts(".md") for line in text.splitlines()
              for named in files_named(path, line) if named != path}
    for path, _ in tree.texts(".md"):
        if re.fullmatch(r"docs/[\w-]+\.md", path) and path not in linked:
            yield path, 1, "no document links to this one; name it in README.md"


def files_named(path, line):
    for relative, absolute in LINK.findall(line):
        if absolute:
            yield absolute
        elif path.endswith(".md"):
            yield posixpath.normpath(f"{posixpath.dirname(path)}/{relative}").lstrip("/")
    if path.endswith(".md"):
        yield from (named.rstrip("/") for named in NAMED_PATH.findall(line))


TYPE = re.compile(r"^(?:struct|class|enum class|enum|union) (\w+)\b(?!::)[^;]*$")
ALIAS = re.compile(r"^using (\w+) =")


def types_of(text, pattern=TYPE):
    """(line, name, whether it is in no unnamed namespace) of the types at namespace scope."""
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        depth += line == "namespace {"
        depth -= line == "}  // namespace"
        found = pattern.match(line)
        if found:
            yield number, found[1], depth == 0


def one_type_a_name(tree):
    """Two types of one name are one to the linker; a second one in sight misleads the reader."""
    shared = collections.defaultdict(dict)
    for path, text in tree.cpp():
        names = [*types_of(text), *(types_of(text, ALIAS) if path.endswith(".h") else ())]
        for number, name, is_shared in names:
            if is_shared and not path.startswith("docs/"):
                shared[name][path] = number
    for name, places in shared.items():
        for path in sorted(places)[1:]:
            yield path, places[path], f"'{name}' is also a type of '{min(places)}'; rename one"
    for path, text in tree.cpp():
        seen = visible(tree, path) - {path}
        for number, name, is_shared in [*types_of(text), *types_of(text, ALIAS)]:
            for other in sorted(seen & shared[name].keys() if not is_shared else ()):
                yield path, number, f"'{name}' hides a type of '{other}'; rename it"


def visible(tree, path):
    """The files that a file includes, directly or through others."""
    out, left = set(), [path]
    while left:
        for include in tree.includes.get(left.pop(), ()):
            if include.own and include.own not in out:
                out.add(include.own)
                left.append(include.own)
    return out


DECLARATION = re.compile(
    r"^(?!inline|constexpr|template|static|extern|using|namespace|struct|class|enum|friend|XP_)"
    r"[A-Za-z][\w:<>,&*\[\]\" ]*\s+[&*]?(\w+)\((?:[^;{}]|\{\})*\);", re.M)
METHOD = re.compile(r"^(?:[A-Za-z][\w:<>,&*\[\] ]* [&*]?)?(\w+)::~?\w+\(", re.M)


def without_comments(text):
    code = re.sub(r'R"(\w*)\(.*?\)\1"', '""', text, flags=re.S)  # other languages have others
    return "\n".join(re.sub(r"\s*//.*", "", line) for line in code.splitlines())


def sources_of_headers(tree):
    """foo.h is implemented in foo.cpp: a reader of one finds the other."""
    owner = {}  # of types
    for path, text in tree.texts(".h"):
        if path in IMPLEMENTED_ELSEWHERE:
            continue
        source = path[: -len("h")] + "cpp"
        for _, name, is_shared in types_of(text):
            owner[name] = source
        code, defined = without_comments(text), tree.files.get(source, "")
        code = re.sub(r"^template .*\n", "template ", code, flags=re.M)
        for found in DECLARATION.finditer(code):
            if not re.search(rf"^[A-Za-z].*\b{found[1]}\(", defined, re.M):
                yield path, 1, f"'{found[1]}' is not implemented in '{source}'; move it there"
    for path, text in tree.texts(".cpp"):
        own = {name for _, name, _ in types_of(text)}
        for found in METHOD.finditer("" if path.endswith("_test.cpp") else text):
            source = owner.get(found[1], path)
            beside = source.rpartition("/")[0] == path.rpartition("/")[0]
            if source != path and beside and found[1] not in own:
                line = text.count("\n", 0, found.start()) + 1
                yield path, line, f"this is part of '{found[1]}', which '{source}' implements"


RULES = [layers, build_agrees, torch_agrees, torch_stays_in_its_folders, foreign_languages,
         used_headers, sizes, purpose_first, words, plain_words, one_place_starts_processes,
         shares_stay_in_exchanges, one_json_writer, names, readme_map, citations, linked_documents,
         typed_commands, one_type_a_name, sources_of_headers]


def breaches(tree):
    return [(*breach, rule.__name__) for rule in RULES for breach in rule(tree)]


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]
    found = sorted(breaches(Tree.read(root)))
    for path, line, text, rule in found:
        print(f"{path}:{line}: {text} [{rule}]")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
