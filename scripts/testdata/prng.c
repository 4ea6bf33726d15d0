/* bcryptprimitives.dll as far as Go's runtime asks for it, which Wine 8 lacks:
 * ProcessPrng (Windows 7 and later) by its elder, RtlGenRandom. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID data, ULONG size);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size)
{
	return SystemFunction036(data, (ULONG)size);
}
