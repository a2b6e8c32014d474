// hiredis' reader, bound for the bench: it parses the same bytes again and again without leaving C, so that what is measured is
// the parser and not the border. Chunks of 16 KiB, as a client reads them from its socket; each reply is freed at once.
//
// A bench peer only: nothing of redtwin uses it.
#include <hiredis/hiredis.h>
#include <napi.h>
#include <algorithm>

// parse(bytes, times): how many replies came out.
static Napi::Value Parse(const Napi::CallbackInfo &info) {
  auto bytes = info[0].As<Napi::Buffer<char>>();
  const int times = info[1].As<Napi::Number>().Int32Value();
  const size_t chunk = 16 * 1024;
  double replies = 0;
  redisReader *reader = redisReaderCreate();
  for (int turn = 0; turn < times; turn++) {
    for (size_t at = 0; at < bytes.Length(); at += chunk) {
      redisReaderFeed(reader, bytes.Data() + at, std::min(chunk, bytes.Length() - at));
      for (;;) {
        void *reply = nullptr;
        if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
          Napi::Error::New(info.Env(), reader->errstr).ThrowAsJavaScriptException();
          redisReaderFree(reader);
          return info.Env().Undefined();
        }
        if (reply == nullptr) break;
        freeReplyObject(reply);
        replies++;
      }
    }
  }
  redisReaderFree(reader);
  return Napi::Number::New(info.Env(), replies);
}

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("parse", Napi::Function::New(env, Parse));
  return exports;
}

NODE_API_MODULE(hiredis, Init)
