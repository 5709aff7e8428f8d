/* A cuBLAS without a GPU, for tests: it computes small products (STANDIN_WRONG=1: wrong ones) and
   passes over large ones. STANDIN_CUBLAS (13) is its major version. */
#include <stdlib.h>

#define CALL __attribute__((visibility("default"))) int
#define NOTHING(name) CALL name(void) { return 0; }

CALL cublasGetProperty(int which, int *value) {
  const char *major = getenv("STANDIN_CUBLAS");
  *value = which ? 0 : major ? atoi(major) : 13;
  return 0;
}
static int handle;
CALL cublasCreate_v2(void **made) { *made = &handle; return 0; }
CALL cublasSgemm_v2(void *h, int ta, int tb, int m, int n, int k, const float *alpha, const float *a,
                    int lda, const float *b, int ldb, const float *beta, float *c, int ldc) {
  if ((double)m * n * k > 1e6) return 0;
  for (int j = 0; j < n; j++)
    for (int i = 0; i < m; i++) {
      float sum = getenv("STANDIN_WRONG") ? 1 : 0;
      for (int l = 0; l < k; l++)
        sum += (ta ? a[l + lda * i] : a[i + lda * l]) * (tb ? b[j + ldb * l] : b[l + ldb * j]);
      c[i + ldc * j] = *alpha * sum + (*beta ? *beta * c[i + ldc * j] : 0);
    }
  return 0;
}
NOTHING(cublasDestroy_v2)
NOTHING(cublasSetStream_v2)
NOTHING(cublasSetPointerMode_v2)
NOTHING(cublasGetPointerMode_v2)
NOTHING(cublasSetAtomicsMode)
NOTHING(cublasSdot_v2)
NOTHING(cublasDdot_v2)
NOTHING(cublasDgemm_v2)
NOTHING(cublasSgemv_v2)
NOTHING(cublasDgemv_v2)
NOTHING(cublasSger_v2)
NOTHING(cublasDger_v2)
NOTHING(cublasSgemmEx)
NOTHING(cublasGemmEx)
NOTHING(cublasSgemmBatched)
NOTHING(cublasDgemmBatched)
NOTHING(cublasHgemmStridedBatched)
NOTHING(cublasSgemmStridedBatched)
NOTHING(cublasDgemmStridedBatched)
