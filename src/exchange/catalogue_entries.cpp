#include "exchange/catalogue.h"

namespace timbre::exchange {

namespace {

/// Sizes and hashes as published: LJ Speech, LibriTTS and VCTK by TensorFlow Datasets (url_checksums) and torchaudio,
/// LibriTTS' MD5 by OpenSLR 60, AISHELL-1's MD5 by PaddleSpeech and icefall, its size by Kaldi's recipe, Baker's MD5 by
/// Athena. OpenSLR publishes no hash of AISHELL-3: its SHA-256 is the one that people who fetched it have written down.
/// Where a size or hash is absent, none is known; the file's own SHA-256 is then printed and recorded.
constexpr const char* kEntries = R"yaml(
ljspeech:
  title: LJ Speech 1.1
  language: en-US
  contents: 24 h, 13,100 clips, one speaker, 22.05 kHz
  licence: public domain
  attribution: Keith Ito, Linda Johnson (LibriVox)
  homepage: https://keithito.com/LJ-Speech-Dataset/
  format: ljspeech
  folder: LJSpeech-1.1
  files:
    - name: LJSpeech-1.1.tar.bz2
      urls: [https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2]
      bytes: 2748572632
      sha256: be1a30453f28eb8dd26af4101ae40cbf2c50413b1bb21936cbcdc6fae3de8aa5
      md5: c4763be9595ddfa79c2fc6eaeb3b6c8e
baker:
  title: Baker / BZNSYP, Chinese standard Mandarin speech corpus
  language: zh-CN
  contents: 12 h, 10,000 clips, one speaker, 48 kHz, with pinyin and prosody marks
  licence: non-commercial use only (Databaker)
  attribution: Databaker (Beijing) Technology
  homepage: https://www.data-baker.com/data/index/TNtts/
  format: baker
  folder: BZNSYP
  note: the first address may ask for a login in a browser; the second is PaddleSpeech's copy
  files:
    - name: BZNSYP.rar
      urls:
        - https://weixinxcxdb.oss-cn-beijing.aliyuncs.com/gwYinPinKu/BZNSYP.rar
        - https://paddlespeech.bj.bcebos.com/datasets/BZNSYP.rar
      md5: c4350563bf7dc298f7dd364b2607be83
baker-bz2:
  title: Baker / BZNSYP, packed anew for lhotse's recipe
  language: zh-CN
  contents: the same recordings as baker
  licence: non-commercial use only (Databaker)
  attribution: Databaker (Beijing) Technology
  homepage: https://huggingface.co/openspeech/BZNSYP
  format: baker
  folder: BZNSYP
  note: no size and no hash is published
  files:
    - name: BZNSYP.tar.bz2
      urls: [https://huggingface.co/openspeech/BZNSYP/resolve/main/BZNSYP.tar.bz2]
libritts:
  title: LibriTTS
  language: en
  contents: 585 h, 2,456 speakers, 24 kHz
  licence: CC BY 4.0
  attribution: Zen et al., LibriTTS (OpenSLR 60)
  homepage: https://www.openslr.org/60/
  format: libritts
  folder: LibriTTS
  files:
    - name: dev-clean.tar.gz
      part: dev-clean
      urls: [https://www.openslr.org/resources/60/dev-clean.tar.gz, https://openslr.elda.org/resources/60/dev-clean.tar.gz]
      bytes: 1291469655
      sha256: da0864e1bd26debed35da8a869dd5c04dfc27682921936de7cff9c8a254dbe1a
      md5: 0c3076c1e5245bb3f0af7d82087ee207
    - name: dev-other.tar.gz
      part: dev-other
      urls: [https://www.openslr.org/resources/60/dev-other.tar.gz, https://openslr.elda.org/resources/60/dev-other.tar.gz]
      bytes: 924804676
      sha256: d413eda26f3a152ac7c9cf3658ef85504dfb1b625296e5fa83727f5186cca79c
      md5: 815555d8d75995782ac3ccd7f047213d
    - name: test-clean.tar.gz
      part: test-clean
      urls: [https://www.openslr.org/resources/60/test-clean.tar.gz, https://openslr.elda.org/resources/60/test-clean.tar.gz]
      bytes: 1230670113
      sha256: 234ea5b25859102a87024a4b9b86641f5b5aaaf1197335c95090cde04fe9a4f5
      md5: 7bed3bdb047c4c197f1ad3bc412db59f
    - name: test-other.tar.gz
      part: test-other
      urls: [https://www.openslr.org/resources/60/test-other.tar.gz, https://openslr.elda.org/resources/60/test-other.tar.gz]
      bytes: 964502297
      sha256: 33a5342094f3bba7ccc2e0500b9e72d558f72eb99328ac8debe1d9080402f10d
      md5: ae3258249472a13b5abef2a816f733e4
    - name: train-clean-100.tar.gz
      part: train-clean-100
      urls: [https://www.openslr.org/resources/60/train-clean-100.tar.gz, https://openslr.elda.org/resources/60/train-clean-100.tar.gz]
      bytes: 7723686890
      sha256: c5608bf1ef74bb621935382b8399c5cdd51cd3ee47cec51f00f885a64c6c7f6b
      md5: 4a8c202b78fe1bc0c47916a98f3a2ea8
    - name: train-clean-360.tar.gz
      part: train-clean-360
      urls: [https://www.openslr.org/resources/60/train-clean-360.tar.gz, https://openslr.elda.org/resources/60/train-clean-360.tar.gz]
      bytes: 27504073644
      sha256: ce7cff44dcac46009d18379f37ef36551123a1dc4e5c8e4eb73ae57260de4886
      md5: a84ef10ddade5fd25df69596a2767b2d
    - name: train-other-500.tar.gz
      part: train-other-500
      urls: [https://www.openslr.org/resources/60/train-other-500.tar.gz, https://openslr.elda.org/resources/60/train-other-500.tar.gz]
      bytes: 44565031479
      sha256: e35f7e34deeb2e2bdfe4403d88c8fdd5fbf64865cae41f027a185a6965f0a5df
      md5: 7b181dd5ace343a5f38427999684aa6f
aishell1:
  title: AISHELL-1
  language: zh-CN
  contents: 178 h, 400 speakers, 16 kHz
  licence: Apache 2.0
  attribution: Beijing Shell Shell Technology (OpenSLR 33)
  homepage: https://www.openslr.org/33/
  format: aishell1
  folder: data_aishell
  nested: true
  files:
    - name: data_aishell.tgz
      urls: [https://www.openslr.org/resources/33/data_aishell.tgz, https://openslr.elda.org/resources/33/data_aishell.tgz]
      bytes: 15582913665
      md5: 2f494334227864a8a8fec932999db9d8
aishell3:
  title: AISHELL-3
  language: zh-CN
  contents: 85 h, 218 speakers, 44.1 kHz
  licence: Apache 2.0
  attribution: Beijing Shell Shell Technology (OpenSLR 93)
  homepage: https://www.openslr.org/93/
  format: aishell3
  note: its publisher gives no hash and no exact size (about 19 GB); checked against the SHA-256 others have found
  files:
    - name: data_aishell3.tgz
      urls: [https://www.openslr.org/resources/93/data_aishell3.tgz, https://openslr.elda.org/resources/93/data_aishell3.tgz]
      sha256: be2507d431ad59419ec871e60674caedb2b585f84ffa01fe359784686db0e0cc
vctk:
  title: CSTR VCTK corpus::Corpus 0.92
  language: en-GB
  contents: 44 h, 110 speakers, 48 kHz, two microphones
  licence: CC BY 4.0
  attribution: Yamagishi, Veaux, MacDonald, University of Edinburgh
  homepage: https://datashare.ed.ac.uk/handle/10283/3443
  format: vctk
  files:
    - name: VCTK-corpus::Corpus-0.92.zip
      urls:
        - https://datashare.ed.ac.uk/bitstream/handle/10283/3443/VCTK-corpus::Corpus-0.92.zip
        - https://datashare.is.ed.ac.uk/bitstream/handle/10283/3443/VCTK-corpus::Corpus-0.92.zip
      bytes: 11747302977
      sha256: f96258be9fdc2cbff6559541aae7ea4f59df3fcaf5cf963aae5ca647357e359c
      md5: 8a6ba2946b36fcbef0212cad601f4bfa
)yaml";

}  // namespace

Catalogue Catalogue::built_in() { return read(kEntries, "the built-in catalogue"); }

}  // namespace timbre::exchange
