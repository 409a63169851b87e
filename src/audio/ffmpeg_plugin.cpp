// FFmpeg: every format libsndfile does not read, and headerless G.722. Loading it costs tens of milliseconds.
extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
}

#include <strings.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "audio/sound_plugin_abi.h"

namespace {

struct Failure {
  int code;
  char text[256];
};

[[noreturn]] void fail(int code, const char* what, int averror) {
  Failure f{code, {}};
  char reason[AV_ERROR_MAX_STRING_SIZE] = {};
  if (averror) av_strerror(averror, reason, sizeof reason);
  std::snprintf(f.text, sizeof f.text, "%s%s%s", what, averror ? ": " : "", reason);
  throw f;
}

struct CloseFormat {
  void operator()(AVFormatContext* p) const { avformat_close_input(&p); }
};
struct CloseCodec {
  void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
};
struct CloseSwr {
  void operator()(SwrContext* p) const { swr_free(&p); }
};
struct ClosePacket {
  void operator()(AVPacket* p) const { av_packet_free(&p); }
};
struct CloseFrame {
  void operator()(AVFrame* p) const { av_frame_free(&p); }
};

/// A file with its first audio stream opened for decoding.
struct Input {
  std::unique_ptr<AVFormatContext, CloseFormat> format;
  std::unique_ptr<AVCodecContext, CloseCodec> codec;
  AVStream* stream = nullptr;
};

bool is_raw_g722(const char* path) {
  const char* dot = std::strrchr(path, '.');
  return dot && (!strcasecmp(dot, ".g722") || !strcasecmp(dot, ".722"));
}

Input open_input(const char* path) {
  av_log_set_level(AV_LOG_QUIET);  // what went wrong comes back as our own error
  Input in;
  AVFormatContext* context = nullptr;
  const AVInputFormat* forced = is_raw_g722(path) ? av_find_input_format("g722") : nullptr;
  // A plain file, whatever its name looks like; nor may a playlist inside it lead anywhere else.
  AVDictionary* options = nullptr;
  av_dict_set(&options, "protocol_whitelist", "file", 0);
  int status = avformat_open_input(&context, (std::string("file:") + path).c_str(), forced, &options);
  av_dict_free(&options);
  if (status < 0) fail(1, "no known audio format", status);
  in.format.reset(context);
  status = avformat_find_stream_info(context, nullptr);
  if (status < 0) fail(1, "no stream found in it", status);
  const AVCodec* decoder = nullptr;
  const int index = av_find_best_stream(context, AVMEDIA_TYPE_AUDIO, -1, -1, &decoder, 0);
  if (index < 0 || !decoder) fail(1, "it has no audio stream that can be decoded", 0);
  in.stream = context->streams[index];
  in.codec.reset(avcodec_alloc_context3(decoder));
  avcodec_parameters_to_context(in.codec.get(), in.stream->codecpar);
  in.codec->thread_count = 1;
  in.codec->pkt_timebase = in.stream->time_base;
  status = avcodec_open2(in.codec.get(), decoder, nullptr);
  if (status < 0) fail(1, "its codec cannot be opened", status);
  if (in.codec->sample_rate < 1 || in.codec->ch_layout.nb_channels < 1) fail(1, "it has no rate or no channels", 0);
  return in;
}

void describe(const Input& in, TimbreSoundInfo* info) {
  info->rate_hz = in.codec->sample_rate;
  info->channels = in.codec->ch_layout.nb_channels;
  info->samples = -1;
  info->estimated = 1;
  if (in.stream->duration > 0)
    info->samples = av_rescale_q(in.stream->duration, in.stream->time_base, {1, in.codec->sample_rate});
  else if (in.format->duration > 0)
    info->samples = av_rescale(in.format->duration, in.codec->sample_rate, AV_TIME_BASE);
  std::snprintf(info->format, sizeof info->format, "%s, %s", in.format->iformat->name, in.codec->codec->name);
}

/// Decoded frames of any sample format to interleaved floats.
class Converter {
 public:
  Converter(const Input& in, TimbreSoundSink sink, void* context)
      : rate_(in.codec->sample_rate), sink_(sink), context_(context) {
    channels_ = in.codec->ch_layout.nb_channels;
    SwrContext* swr = nullptr;
    const int status = swr_alloc_set_opts2(&swr, &in.codec->ch_layout, AV_SAMPLE_FMT_FLT, rate_, &in.codec->ch_layout,
                                           in.codec->sample_fmt, rate_, 0, nullptr);
    swr_.reset(swr);
    if (status < 0 || swr_init(swr) < 0) fail(1, "its sample format cannot be converted", status);
  }
  void take(const AVFrame& frame) {
    if (frame.sample_rate != rate_ || frame.ch_layout.nb_channels != channels_)
      fail(2, "rate or channels change within it", 0);
    buffer_.resize(static_cast<size_t>(frame.nb_samples) * static_cast<size_t>(channels_));
    auto* out = reinterpret_cast<uint8_t*>(buffer_.data());
    const int made = swr_convert(swr_.get(), &out, frame.nb_samples, const_cast<const uint8_t**>(frame.extended_data),
                                 frame.nb_samples);
    if (made < 0) fail(2, "conversion failed", made);
    sink_(context_, buffer_.data(), made, channels_);
  }

 private:
  int rate_, channels_;
  TimbreSoundSink sink_;
  void* context_;
  std::unique_ptr<SwrContext, CloseSwr> swr_;
  std::vector<float> buffer_;
};

void drain(const Input& in, AVFrame* frame, Converter& converter) {
  while (true) {
    const int status = avcodec_receive_frame(in.codec.get(), frame);
    if (status == AVERROR(EAGAIN) || status == AVERROR_EOF) return;
    if (status < 0) fail(2, "its data is damaged", status);
    converter.take(*frame);
    av_frame_unref(frame);
  }
}

void decode_all(const Input& in, Converter& converter) {
  std::unique_ptr<AVPacket, ClosePacket> packet(av_packet_alloc());
  std::unique_ptr<AVFrame, CloseFrame> frame(av_frame_alloc());
  int status;
  while ((status = av_read_frame(in.format.get(), packet.get())) >= 0) {
    if (packet->stream_index == in.stream->index) {
      const int sent = avcodec_send_packet(in.codec.get(), packet.get());
      if (sent < 0 && sent != AVERROR_EOF) fail(2, "its data is damaged", sent);
      drain(in, frame.get(), converter);
    }
    av_packet_unref(packet.get());
  }
  if (status != AVERROR_EOF) fail(2, "reading broke off", status);
  avcodec_send_packet(in.codec.get(), nullptr);
  drain(in, frame.get(), converter);
}

template <class Body>
int guarded(char* error, uint64_t error_bytes, Body body) {
  try {
    body();
    return 0;
  } catch (const Failure& f) {
    std::snprintf(error, error_bytes, "%s", f.text);
    return f.code;
  }
}

}  // namespace

extern "C" {

int timbre_ffmpeg_probe(const char* path, TimbreSoundInfo* info, char* error, uint64_t error_bytes) {
  return guarded(error, error_bytes, [&] { describe(open_input(path), info); });
}

int timbre_ffmpeg_decode(const char* path, TimbreSoundInfo* info, TimbreSoundSink sink, void* context, char* error,
                         uint64_t error_bytes) {
  return guarded(error, error_bytes, [&] {
    const Input in = open_input(path);
    describe(in, info);
    Converter converter(in, sink, context);
    decode_all(in, converter);
  });
}
}
