"""transcript.py runs what a document shows, and finds what differs and nothing else."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import transcript


class TranscriptTest(unittest.TestCase):
    def test_files_and_commands_of_a_document_make_one_session(self):
        document = ("```toml a.toml\nx = 1\n```\n\n"
                    "```console\n$ cat a.toml\nx = 2\n$ cp a.toml b.toml\n```\n"
                    "```console\n$ ls *.toml\na.toml\nb.toml\n```\n")
        text, differences = transcript.replayed(document, "/nowhere")
        self.assertEqual(text, document.replace("x = 2", "x = 1"))
        self.assertEqual(differences, [])

    def test_a_word_that_differs_is_found(self):
        document = "```console\n$ echo done: 3 points\nfailed: 4 points\n```\n"
        _, differences = transcript.replayed(document, "/nowhere")
        self.assertEqual(differences,
                         ["$ echo done: 3 points\nshown:\nfailed: 4 points\n"
                          "printed:\ndone: 3 points\n"])

    def test_figures_ids_times_rules_and_marks_may_differ(self):
        for one, other in [
            ("dense  87.28 ± 10.53 (2)*   9794 ± 1560 (2)*", "dense 9.1 ± 0.2 (2)  97.9k ± 1 (2)"),
            ("new  177.3k  12.4 MB  d5de4bcb59faa5df", "new  1.2M  3 GB  1f5069c9cbe19312"),
            ("about 49 s, 0.03 device-hours", "about 1 min 9 s, 12 device-hours"),
            ("──────", "───\n\n* best   ~ may be as good\nsignificance: p < 0.05, by a test"),
            ("", "unsteady: runs of one row differ in tokens/s of dense by 23 %"),
        ]:
            self.assertEqual(transcript.essence(one), transcript.essence(other))
        self.assertNotEqual(transcript.essence("3 new"), transcript.essence("3 done"))

    def test_a_command_that_fails_ends_the_session(self):
        with self.assertRaisesRegex(SystemExit, "'echo on; exit 3' ended with 3:\non\n"):
            transcript.replayed("```console\n$ echo on; exit 3\n```\n", "/nowhere")


if __name__ == "__main__":
    unittest.main()
