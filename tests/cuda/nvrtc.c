/* An NVRTC that compiles nothing, for tests. Each kernel's source is written to a file of its own
   in STANDIN_FOLDER, and the headers too; that file's name is returned in place of PTX. The version
   is VERSION (1300: of CUDA 13.0), or STANDIN_NVRTC. It knows compute capabilities 7.5 to 9.0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALL __attribute__((visibility("default"))) int

#ifndef VERSION
#define VERSION 1300
#endif

struct Program { char name[64]; };

CALL nvrtcVersion(int *major, int *minor) {
  const char *text = getenv("STANDIN_NVRTC");
  int version = text ? atoi(text) : VERSION;
  *major = version / 100;
  *minor = version % 100;
  return 0;
}
static const int known[] = {75, 80, 86, 89, 90};
CALL nvrtcGetNumSupportedArchs(int *count) { *count = sizeof known / sizeof *known; return 0; }
CALL nvrtcGetSupportedArchs(int *archs) { memcpy(archs, known, sizeof known); return 0; }
__attribute__((visibility("default"))) const char *nvrtcGetErrorString(int error) {
  return "stand-in";
}
static int write_file(const char *name, const char *end, const char *text) {
  const char *folder = getenv("STANDIN_FOLDER");
  char path[4096], hidden[4200];
  snprintf(path, sizeof path, "%s/%s%s", folder, name, end);
  snprintf(hidden, sizeof hidden, "%s.%d", path, getpid());
  FILE *file = folder ? fopen(hidden, "w") : NULL;
  return folder && (!file || fputs(text, file) < 0 || fclose(file) || rename(hidden, path));
}
CALL nvrtcCreateProgram(struct Program **made, const char *source, const char *name, int n,
                        const char **headers, const char **names) {
  unsigned long long hash = 14695981039346656037ull;  /* FNV-1a: nets share many kernels */
  for (const char *c = source; *c; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211ull;
  *made = calloc(1, sizeof(struct Program));
  snprintf((*made)->name, 64, "%016llx", hash);
  for (int k = 0; k < n; k++)
    if (write_file(names[k], "", headers[k])) return 1;
  return write_file((*made)->name, ".cu", source);
}
CALL nvrtcCompileProgram(struct Program *program, int n, const char **options) { return 0; }
CALL nvrtcGetPTXSize(struct Program *program, size_t *size) {
  *size = strlen(program->name) + 1;
  return 0;
}
CALL nvrtcGetPTX(struct Program *program, char *text) { strcpy(text, program->name); return 0; }
CALL nvrtcGetProgramLogSize(struct Program *program, size_t *size) { *size = 1; return 0; }
CALL nvrtcGetProgramLog(struct Program *program, char *text) { *text = 0; return 0; }
CALL nvrtcDestroyProgram(struct Program **program) { free(*program); *program = 0; return 0; }
