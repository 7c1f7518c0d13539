// Weights of fairseq-moe become parameters under our names.
#include "results/runs/fairseq_checkpoint.h"

#include "engine/testing/message.h"
#include "results/runs/tensor_file.h"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include <cstring>
#include <deque>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

// A model of width 2 with one encoder and one decoder layer, whose FFNs are two experts on two
// ranks; every element of a tensor has the same value.
struct ImportTest {
  TempFolder folder;
  std::map<std::string, TensorBytes> shared, ranks[2];
  std::deque<std::string> held;

  TensorBytes filled(std::vector<int64_t> shape, float value) {
    size_t count = 1;
    for (const int64_t size : shape)
      count *= static_cast<size_t>(size);
    std::string& bytes = held.emplace_back();
    for (size_t i = 0; i < count; ++i)
      bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    return {"F32", std::move(shape), bytes};
  }
  void linear(const std::string& name, int64_t rows, float value) {
    shared[name + ".weight"] = filled({rows, 2}, value);
    shared[name + ".bias"] = filled({rows}, value);
  }
  void norm(const std::string& name) {
    shared[name + ".weight"] = shared[name + ".bias"] = filled({2}, 1);
  }
  void attention(const std::string& name) {
    linear(name + ".q_proj", 2, 1);
    linear(name + ".k_proj", 2, 2);
    linear(name + ".v_proj", 2, 3);
    linear(name + ".out_proj", 2, 4);
    norm(name + "_layer_norm");
  }
  void experts(const std::string& layer) {
    shared[layer + ".moe_layer.gate.wg.weight"] = filled({2, 2}, 5);
    norm(layer + ".final_layer_norm");
    for (int rank = 0; rank < 2; ++rank) {
      for (const char* part : {"fc1.weight", "fc2.weight"})
        ranks[rank][layer + ".moe_layer.experts.0." + part] =
            filled({2, 2}, 10 + static_cast<float>(rank));
      for (const char* part : {"fc1.bias", "fc2.bias"})
        ranks[rank][layer + ".moe_layer.experts.0." + part] =
            filled({2}, 10 + static_cast<float>(rank));
    }
  }

  ImportTest() {
    for (const char* side : {"encoder", "decoder"}) {
      shared[fmt::format("{}.embed_tokens.weight", side)] = filled({7, 2}, 6);
      shared[fmt::format("{}.version", side)] = filled({1}, 3);
      attention(fmt::format("{}.layers.0.self_attn", side));
      experts(fmt::format("{}.layers.0", side));
    }
    attention("decoder.layers.0.encoder_attn");
    shared["decoder.output_projection.weight"] = filled({7, 2}, 6);
  }

  fs::path put(const std::string& name, const std::map<std::string, TensorBytes>& tensors) {
    write_tensor_file(folder.path() / name, tensors, nullptr);
    return folder.path() / name;
  }
  // A shell sorts rank-10 before rank-2.
  std::vector<fs::path> files() {
    return {put("x-rank-1.safetensors", ranks[1]), put("x-rank-0.safetensors", ranks[0]),
            put("x-shared.safetensors", shared)};
  }
  fs::path output() const { return folder.path() / "out.safetensors"; }
  std::vector<float> values(const std::string& name) const {
    const TensorFile file(output());
    const TensorBytes& tensor = file.tensors().at(name);
    std::vector<float> out(tensor.bytes.size() / sizeof(float));
    std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
    return out;
  }
};

}  // namespace

TEST_CASE_METHOD(ImportTest,
                 "an import has every parameter under our name, experts numbered "
                 "over all ranks") {
  import_fairseq(files(), output());
  std::vector<std::string> names;
  const TensorFile file(output());
  for (const auto& [name, tensor] : file.tensors())
    names.push_back(name);
  CHECK(names == std::vector<std::string>{"decoder-0.cross.memory.bias",
                                          "decoder-0.cross.memory.weight",
                                          "decoder-0.cross.out.bias",
                                          "decoder-0.cross.out.weight",
                                          "decoder-0.cross.query.bias",
                                          "decoder-0.cross.query.weight",
                                          "decoder-0.cross_norm.bias",
                                          "decoder-0.cross_norm.weight",
                                          "decoder-0.self.in.bias",
                                          "decoder-0.self.in.weight",
                                          "decoder-0.self.out.bias",
                                          "decoder-0.self.out.weight",
                                          "decoder-0.self_norm.bias",
                                          "decoder-0.self_norm.weight",
                                          "decoder-0.wide.moe.experts.0.first.bias",
                                          "decoder-0.wide.moe.experts.0.first.weight",
                                          "decoder-0.wide.moe.experts.0.second.bias",
                                          "decoder-0.wide.moe.experts.0.second.weight",
                                          "decoder-0.wide.moe.experts.1.first.bias",
                                          "decoder-0.wide.moe.experts.1.first.weight",
                                          "decoder-0.wide.moe.experts.1.second.bias",
                                          "decoder-0.wide.moe.experts.1.second.weight",
                                          "decoder-0.wide.moe.gate",
                                          "decoder-0.wide.norm.bias",
                                          "decoder-0.wide.norm.weight",
                                          "encoder-0.attention.in.bias",
                                          "encoder-0.attention.in.weight",
                                          "encoder-0.attention.out.bias",
                                          "encoder-0.attention.out.weight",
                                          "encoder-0.norm.bias",
                                          "encoder-0.norm.weight",
                                          "encoder-0.wide.moe.experts.0.first.bias",
                                          "encoder-0.wide.moe.experts.0.first.weight",
                                          "encoder-0.wide.moe.experts.0.second.bias",
                                          "encoder-0.wide.moe.experts.0.second.weight",
                                          "encoder-0.wide.moe.experts.1.first.bias",
                                          "encoder-0.wide.moe.experts.1.first.weight",
                                          "encoder-0.wide.moe.experts.1.second.bias",
                                          "encoder-0.wide.moe.experts.1.second.weight",
                                          "encoder-0.wide.moe.gate",
                                          "encoder-0.wide.norm.bias",
                                          "encoder-0.wide.norm.weight",
                                          "target_embedding.weight"});
  CHECK(values("encoder-0.attention.in.bias") == std::vector<float>{1, 1, 2, 2, 3, 3});
  CHECK(values("decoder-0.cross.memory.bias") == std::vector<float>{2, 2, 3, 3});
  CHECK(values("encoder-0.wide.moe.experts.1.first.bias") == std::vector<float>{11, 11});
}

TEST_CASE_METHOD(ImportTest, "an import tells the settings that its weights fit") {
  CHECK(import_fairseq(files(), output()) == Value{{"encoder_layers", 1},
                                                   {"decoder_layers", 1},
                                                   {"width", 2},
                                                   {"ffn_width", 2},
                                                   {"share_embeddings", "all"},
                                                   {"norm", "post"},
                                                   {"moe.every", 1},
                                                   {"moe.experts", 2}});
}

TEST_CASE_METHOD(ImportTest, "an output projection of its own is a parameter of its own") {
  shared["decoder.output_projection.weight"] = filled({7, 2}, 8);
  CHECK(import_fairseq(files(), output()).at("share_embeddings") == "none");
  CHECK(values("output").front() == 8);
  CHECK(values("source_embedding.weight").front() == 6);
}

TEST_CASE_METHOD(ImportTest, "an import with tensors missing or left over is refused") {
  auto all = files();
  CHECK(message_of([&] {
          import_fairseq({all[1], all[2]}, output());
        }) ==
        "'decoder-0.wide.moe.gate' chooses among 2 experts, but the files have 1; name those of "
        "all ranks");
  put("x-rank-3.safetensors", ranks[1]);
  CHECK(message_of([&] {
          import_fairseq({all[1], folder.path() / "x-rank-3.safetensors", all[2]}, output());
        }) ==
        "the experts of rank 1 are not there; name the files of all ranks, ...rank-0... to "
        "...rank-3...");
  CHECK(message_of([&] {
          import_fairseq({all[0], all[1]}, output());
        }) ==
        "there is no tensor 'encoder.embed_tokens.weight'; name the file of shared parameters");

  shared["encoder.layernorm_embedding.weight"] = shared["encoder.layernorm_embedding.bias"] =
      filled({2}, 1);
  CHECK(message_of([&] { import_fairseq(files(), output()); }) ==
        "tensor 'encoder.layernorm_embedding.bias' has no place in a transformer of xp, nor have "
        "1 others");
  shared.erase("encoder.layernorm_embedding.weight");
  shared.erase("encoder.layernorm_embedding.bias");

  shared.erase("encoder.layers.0.self_attn.v_proj.bias");
  CHECK(message_of([&] { import_fairseq(files(), output()); }) ==
        "there is no tensor 'encoder.layers.0.self_attn.v_proj.bias', which belongs to "
        "'encoder-0.attention.in.bias'");
  shared["encoder.layers.0.self_attn.v_proj.bias"] = {"F16", {2}, "abcd"};
  CHECK(message_of([&] { import_fairseq(files(), output()); }) ==
        fmt::format("tensor 'encoder.layers.0.self_attn.v_proj.bias' of '{}' is F16; convert it "
                    "to F32",
                    (folder.path() / "x-shared.safetensors").string()));
  CHECK_FALSE(fs::exists(output()));
}
