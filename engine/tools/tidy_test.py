"""Each rule of tidy.py finds what it is for, on trees of a few lines, and keeps quiet otherwise."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import tidy


def file(*lines):
    return "\n".join(("// A file.", *lines, ""))


def header(*lines):
    return file("#pragma once", *lines)


class TidyTest(unittest.TestCase):
    def found(self, rule, **files):
        """The breaches of one rule as 'path:line', where a__b_c stands for a/b.c."""
        tree = tidy.Tree(self.paths(files))
        return [f"{path}:{line}" for path, line, _ in rule(tree)]

    @staticmethod
    def paths(files):
        def path(key):
            folder, _, ending = key.replace("__", "/").rpartition("_")
            return f"{folder}.{ending}"

        return {path(key): text for key, text in files.items()}

    def test_an_edge_that_is_not_in_the_table_is_found(self):
        found = self.found(
            tidy.layers,
            engine__nn__moe_h=header('#include "engine/data/batch.h"'),
            engine__data__batch_h=header('#include "engine/base/text.h"'),
            engine__base__text_h=header(),
        )
        self.assertEqual(found, ["engine/nn/moe.h:3"])

    def test_components_do_not_include_each_other_across_kinds(self):
        found = self.found(
            tidy.layers,
            plugins__metric__bleu_cpp=file('#include "plugins/tokenizer/words.h"'),
            plugins__tokenizer__words_h=header(),
            plugins__tokenizer__words_cpp=file('#include "plugins/tokenizer/words.h"'),
        )
        self.assertEqual(found, ["plugins/metric/bleu.cpp:2"])

    def test_two_types_of_one_name_are_found(self):
        found = self.found(
            tidy.one_type_a_name,
            a__rows_h=header("struct Rows {", "};"),
            a__table_cpp=file('#include "a/rows.h"', "namespace {", "struct Rows {", "};",
                              "}  // namespace"),
            a__other_cpp=file("namespace {", "struct Rows {", "};", "}  // namespace"),
            b__rows_h=header("enum class Rows {", "};", "class Table;"),
            b__table_h=header("class Table {", "};"),
        )
        self.assertEqual(found, ["b/rows.h:3", "a/table.cpp:4"])

    def test_what_a_header_declares_is_in_the_source_beside_it(self):
        found = self.found(
            tidy.sources_of_headers,
            a__jobs_h=header("struct Jobs {", "  void stop();", "};", "void settle();",
                             "Jobs open_jobs(int most = {});", "inline int one() { return 1; }"),
            a__jobs_cpp=file("Jobs open_jobs(int most) {"),
            a__settle_cpp=file("void settle() {", "}", "void Jobs::stop() {"),
        )
        self.assertEqual(found, ["a/jobs.h:1", "a/settle.cpp:4"])

    def test_a_test_may_use_the_fixtures_and_other_code_may_not(self):
        found = self.found(
            tidy.layers,
            engine__testing__folder_h=header(),
            engine__base__text_test_cpp=file('#include "engine/testing/folder.h"'),
            engine__base__text_cpp=file('#include "engine/testing/folder.h"'),
        )
        self.assertEqual(found, ["engine/base/text.cpp:2"])

    def test_json_is_written_in_one_place(self):
        found = self.found(
            tidy.one_json_writer,
            engine__run__a_cpp=file("value.dump();", "list->dump(2);", "json_text(value);"),
            engine__run__a_test_cpp=file("value.dump();"),
            results__store__a_cpp=file("store.dump();"),
            engine__base__value_cpp=file("value.dump();"),
        )
        self.assertEqual(found, ["engine/run/a.cpp:2", "engine/run/a.cpp:3"])

    def test_a_new_folder_must_be_placed_in_the_table(self):
        self.assertEqual(self.found(tidy.layers, engine__new__a_h=header()), ["engine/new/a.h:1"])

    def test_an_include_that_does_not_exist_is_found(self):
        found = self.found(tidy.layers, engine__base__a_cpp=file('#include "a.h"'))
        self.assertEqual(found, ["engine/base/a.cpp:2"])

    def test_the_build_may_not_link_more_or_less_than_the_table_allows(self):
        tree = tidy.Tree({
            "engine/nn/CMakeLists.txt": "xp_module(nn TORCH USES comm device registry base)\n",
            "engine/experiment/CMakeLists.txt": "xp_module(spec USES registry LIBS toml)\n",
        })
        self.assertEqual([path for path, _, _ in tidy.build_agrees(tree)],
                         ["engine/experiment/CMakeLists.txt"])

    def test_what_is_built_with_torch_is_what_the_tables_say(self):
        tree = tidy.Tree({
            "engine/nn/CMakeLists.txt": "xp_module(nn USES comm registry base)\n",
            "engine/moe/CMakeLists.txt": "xp_module(moe TORCH USES nn comm registry base)\n",
            "engine/testing/CMakeLists.txt": "xp_module(testing USES base TORCH_HEADERS ranks.h)\n",
            "registry/CMakeLists.txt": "xp_module(registry USES base\n  TORCH_HEADERS draws.h"
                                       " model.h router.h exchange.h optimizer.h)\n",
        })
        self.assertEqual([path for path, _, _ in tidy.torch_agrees(tree)],
                         ["engine/nn/CMakeLists.txt", "engine/testing/CMakeLists.txt"])

    def test_processes_start_in_one_place(self):
        code = "const pid_t child = ::fork();"
        found = self.found(
            tidy.one_place_starts_processes,
            engine__plan__a_cpp=file(code, 'std::system("ls");', "throw std::system_error(code);"),
            engine__plan__a_test_cpp=file(code),
            engine__base__process_cpp=file(code),
        )
        self.assertEqual(found, ["engine/plan/a.cpp:2", "engine/plan/a.cpp:3"])

    def test_the_environment_is_read_in_few_places(self):
        found = self.found(
            tidy.words,
            engine__cli__points__a_cpp=file('environment_value("XP_A");', 'std::getenv("XP_A");'),
            engine__plan__a_cpp=file('environment_value("XP_A");'),
        )
        self.assertEqual(found, ["engine/cli/points/a.cpp:3", "engine/plan/a.cpp:2"])

    def test_torch_stays_where_it_is_built(self):
        torch, model = "#include <torch/types.h>", '#include "registry/model.h"'
        found = self.found(
            tidy.torch_stays_in_its_folders,
            registry__model_h=header(torch),
            engine__nn__a_cpp=file(torch, model),
            plugins__router__a_cpp=file(model),
            engine__data__a_cpp=file(torch),
            plugins__metric__a_cpp=file(model),
        )
        self.assertEqual(found, ["engine/data/a.cpp:2", "plugins/metric/a.cpp:2"])

    def test_each_foreign_language_is_spoken_in_one_place(self):
        found = self.found(
            tidy.foreign_languages,
            results__store__store_cpp=file("#include <SQLiteCpp/SQLiteCpp.h>"),
            engine__plan__a_cpp=file("#include <SQLiteCpp/SQLiteCpp.h>"),
            engine__nn__a_cpp=file("#include <torch/torch.h>"),
        )
        self.assertEqual(found, ["engine/plan/a.cpp:2", "engine/nn/a.cpp:2"])

    def test_a_header_that_nobody_includes_is_found(self):
        found = self.found(
            tidy.used_headers,
            engine__base__a_h=header(),
            engine__base__b_h=header(),
            engine__base__b_cpp=file('#include "engine/base/b.h"'),
        )
        self.assertEqual(found, ["engine/base/a.h:1"])

    def test_lines_and_files_have_a_most(self):
        found = self.found(
            tidy.sizes,
            engine__base__wide_cpp=file("x" * 101),
            engine__base__long_cpp=file(*["x"] * 600),
            data__big_bin=b"\xff" * (256 * 1024 + 1),
            engine__base__right_cpp=file(*["x" * 100] * 399),
        )
        self.assertEqual(found, ["data/big.bin:1", "engine/base/long.cpp:601",
                                 "engine/base/wide.cpp:2"])

    def test_the_first_line_says_what_a_file_is_for(self):
        found = self.found(
            tidy.purpose_first,
            engine__base__a_cpp="#include <map>\n",
            engine__base__a_h="// A header without a guard.\n",
            experiments__a_toml="name = 'a'\n",
            experiments__b_toml="# Shows something.\n",
        )
        self.assertEqual(found, ["engine/base/a.cpp:1", "engine/base/a.h:1",
                                 "experiments/a.toml:1"])

    def test_words_that_cannot_land_are_found_where_they_cannot(self):
        unordered = "std::unordered_map<int, int> ids;"
        found = self.found(
            tidy.words,
            engine__plan__a_cpp=file(unordered, "using namespace std;", "x ", "// na\u00efve"),
            engine__data__a_cpp=file(unordered, 'auto quoted = "na\u00efve";'),
        )
        self.assertEqual(found, [f"engine/plan/a.cpp:{line}" for line in (2, 3, 4, 5)])

    def test_riddles_are_found_in_code_and_documents(self):
        found = self.found(
            tidy.plain_words,
            engine__plan__a_cpp=file("// It goes on.", "// It resumes; amend it."),
            engine__plan__b_cpp=file("// Whatever happens, it goes", "// on.", "bool goes_on();"),
            docs__a_md="what a plan foretold\n",
            CONTRIBUTING_md="'fix', not 'mend'\n",
        )
        self.assertEqual(found, ["engine/plan/a.cpp:2", "engine/plan/b.cpp:2",
                                 "engine/plan/b.cpp:4", "docs/a.md:1"])

    def test_the_settings_of_an_exchange_are_named_in_exchanges_only(self):
        code = 'get("alpha");'
        found = self.found(
            tidy.shares_stay_in_exchanges,
            engine__plan__a_cpp=file("// alpha + beta", "int alphabet;", code),
            engine__plan__a_test_cpp=file(code),
            plugins__exchange__a_cpp=file(code),
        )
        self.assertEqual(found, ["engine/plan/a.cpp:4"])

    def test_only_a_test_takes_all_our_names(self):
        line = tidy.TEST_IDIOM
        found = self.found(tidy.words, engine__base__a_test_cpp=file(line),
                           engine__base__b_cpp=file(line))
        self.assertEqual(set(found), {"engine/base/b.cpp:2"})

    def test_a_file_is_named_by_a_noun(self):
        found = self.found(tidy.names, engine__base__string_utils_h=header(),
                           engine__base__text_h=header(), engine__base__Text_cpp=file())
        self.assertEqual(found, ["engine/base/string_utils.h:1", "engine/base/Text.cpp:1"])

    def test_the_map_in_the_readme_and_the_tree_agree(self):
        tree = tidy.Tree({
            "README.md": "| `engine/` | x |\n| `engine/base/` | x |\n| `gone/` | x |\n",
            "engine/base/a.h": header(),
            "engine/plan/a.h": header(),
            ".ci/run": "",
        })
        self.assertEqual([text for _, _, text in tidy.readme_map(tree)],
                         ["the map names 'gone', which is not in the tree",
                          "the map lacks 'engine/plan'"])

    def test_a_cited_section_and_a_linked_file_exist(self):
        tree = tidy.Tree({
            "docs/old.md": "# Old\n## 2. Gates\n### 2.1 Top\n- **13.4** defect\n",
            "docs/b.md": "[old](old.md#gates), [new](new.md), `engine/a.h`, `engine/c.h`\n",
            "engine/a.h": header("// As in old.md 2.1, 13.4 and 2.2; more in docs/gone.md."),
            "engine/b.h": header("int x = f[1](a.b);"),
        })
        self.assertEqual(list(tidy.citations(tree)), [
            ("docs/b.md", 1, "no file 'docs/new.md'"),
            ("docs/b.md", 1, "no file 'engine/c.h'"),
            ("engine/a.h", 3, "docs/old.md has no section 2.2"),
            ("engine/a.h", 3, "no file 'docs/gone.md'"),
        ])

    def test_commands_that_a_document_names_exist(self):
        tree = tidy.Tree({
            "engine/cli/commands/a.cpp": 'XP_COMMAND(Options, show, "plan", Group::kRuns, "x");\n',
            "Makefile": "build: setup\n",
            "README.md": "`xp plan FILE`, `xp pln`\n    make build\n    make all\n"
                         "what xp does; `xp.toml`; `xp schema.json`\n",
        })
        self.assertEqual([text for _, _, text in tidy.typed_commands(tree)],
                         ["no command 'xp pln'", "no command 'make all'"])

    def test_every_document_is_linked_from_another(self):
        tree = tidy.Tree({"README.md": "[a](docs/a.md)\n", "docs/a.md": "[c](b.md)\n",
                          "docs/b.md": "\n", "docs/c.md": "[c](c.md)\n"})
        self.assertEqual([path for path, _, _ in tidy.linked_documents(tree)], ["docs/c.md"])

    def test_a_tree_without_git_is_read_without_build_output(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path in ("engine/a.h", "build/b.h", "build-asan/c.h", ".deps/d.h"):
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(header())
            self.assertEqual(list(tidy.Tree.read(root).files), ["engine/a.h"])


if __name__ == "__main__":
    unittest.main()
