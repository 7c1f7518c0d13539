// Messages to sentence pairs, rule by rule.
#include "engine/data/message_text.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs pairs(std::string_view id, std::string_view translation) {
  DropCounts dropped;
  return message_pairs(id, translation, dropped);
}

std::string reason(std::string_view id, std::string_view translation) {
  DropCounts dropped;
  const Pairs kept = message_pairs(id, translation, dropped);
  if (!kept.empty()) return "kept as " + kept[0].first + " = " + kept[0].second;
  return dropped.empty() ? "nothing" : dropped.begin()->first;
}

TEST_CASE("accelerators are removed, names with a bar below are not") {
  CHECK(pairs("E_xit", "_Quitter") == Pairs{{"Exit", "Quitter"}});
  CHECK(pairs("Save &As...", "Enregistrer &sous...") ==
        Pairs{{"Save As...", "Enregistrer sous..."}});
  CHECK(pairs("~Cancel", "~Annuler") == Pairs{{"Cancel", "Annuler"}});
  CHECK(pairs("unknown size_t here", "size_t inconnu ici") ==
        Pairs{{"unknown size_t here", "size_t inconnu ici"}});
  CHECK(pairs("Sort & merge", "Trier & fusionner") == Pairs{{"Sort & merge", "Trier & fusionner"}});
}

TEST_CASE("markup and entities are removed, what stands for something is not") {
  CHECK(pairs("<b>Bold</b> <span size=\"x\">move</span> &amp; go", "<b>Gras</b> et partir") ==
        Pairs{{"Bold move & go", "Gras et partir"}});
  CHECK(pairs("First<br/>Second line", "Premier<br/>Seconde ligne") ==
        Pairs{{"First Second line", "Premier Seconde ligne"}});
  CHECK(pairs("no such <file>", "pas de <fichier>") ==
        Pairs{{"no such <file>", "pas de <fichier>"}});
}

TEST_CASE("contexts are removed") {
  CHECK(pairs("menu\x04Open", "Ouvrir") == Pairs{{"Open", "Ouvrir"}});
  CHECK(pairs("Tools|Options", "Préférences") == Pairs{{"Options", "Préférences"}});
}

TEST_CASE("quotes of gcc become quotes") {
  CHECK(pairs("%<goto%> is not %<if%>", "%<goto%> n'est pas %<if%>") ==
        Pairs{{"'goto' is not 'if'", "'goto' n'est pas 'if'"}});
}

TEST_CASE("lines are joined, paragraphs and sentences are pairs of their own") {
  CHECK(pairs("one long\nmessage\n\nand more of it", "un long\nmessage\n\net davantage") ==
        Pairs{{"one long message", "un long message"}, {"and more of it", "et davantage"}});
  CHECK(pairs("This is the end. Begin again.", "C'est la fin déjà. Recommencez.") ==
        Pairs{{"This is the end.", "C'est la fin déjà."}, {"Begin again.", "Recommencez."}});
  CHECK(pairs("This is the end. Begin again.", "C'est la fin, recommencez.").size() == 1);
}

TEST_CASE("a message that is not a sentence pair is left out with the reason") {
  CHECK(reason("File", "") == "untranslated");
  CHECK(reason(std::string_view("a file\0files", 12), "un fichier") == "plural");
  CHECK(reason("%s: %d", "%s : %d") == "few letters");
  CHECK(reason("-f, --x", "-f, --x") == "few letters");
  CHECK(reason("File name", "FILE name.") == "equal sides");
  CHECK(reason("cannot open %s", "ouverture impossible") == "placeholders");
  CHECK(reason("%s and %s or %s with %s", "%s et %s ou %s avec %s") == "placeholders");
  CHECK(reason("  -h, --help   show this help", "  -h, --help   affiche l'aide") == "table");
  CHECK(reason("two\n\nparagraphs", "un seul") == "paragraphs");
  CHECK(reason("File", "\xff\xfe latin") == "not UTF-8");
  CHECK(
      reason("a short one", "une phrase vraiment beaucoup plus longue que celle de l'autre côté") ==
      "length ratio");
  CHECK(reason("ring the \a bell", "sonner la cloche") == "control characters");
}

}  // namespace
}  // namespace xp
