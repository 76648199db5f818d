// exits IMAGE: the least VMM that runs the guests of the benchmarks: one vCPU, in-kernel interrupt controllers, 128 MiB,
// the bytes of COM1 on standard output. The measure for what an exit costs without Java.
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RAM = 128 << 20, COM1 = 0x3f8, DEBUG_EXIT = 0xf4 };

static int must(int result, const char *what) {
    if (result < 0) {
        perror(what);
        exit(1);
    }
    return result;
}

// The segment that the PVH entry asks for: flat, 32-bit.
static struct kvm_segment flat(int selector, int type) {
    return (struct kvm_segment){.limit = 0xffffffff, .selector = selector, .type = type, .present = 1, .db = 1, .s = 1, .g = 1};
}

static uint64_t load(const char *path, char *ram) {
    int file = must(open(path, O_RDONLY), path);
    Elf64_Ehdr header;
    if (pread(file, &header, sizeof header, 0) != sizeof header || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
        fprintf(stderr, "%s is not an ELF image\n", path);
        exit(1);
    }
    for (int i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr part;
        must(pread(file, &part, sizeof part, header.e_phoff + i * sizeof part), path);
        if (part.p_type == PT_LOAD) {
            must(pread(file, ram + part.p_paddr, part.p_filesz, part.p_offset), path);
        }
    }
    close(file);
    return header.e_entry;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: exits IMAGE\n");
        return 2;
    }
    int kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
    int vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
    must(ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000), "KVM_SET_TSS_ADDR");
    must(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
    int memory = must(memfd_create("ram", MFD_CLOEXEC), "memfd_create");
    must(ftruncate(memory, RAM), "ftruncate");
    char *ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (ram == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    struct kvm_userspace_memory_region slot = {.memory_size = RAM, .userspace_addr = (uintptr_t)ram};
    must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
    int vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
    struct kvm_run *run = mmap(NULL, must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE"),
        PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (run == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    static union {
        struct kvm_cpuid2 table;
        char room[sizeof(struct kvm_cpuid2) + 256 * sizeof(struct kvm_cpuid_entry2)];
    } cpuid = {.table.nent = 256};
    must(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid), "KVM_GET_SUPPORTED_CPUID");
    must(ioctl(vcpu, KVM_SET_CPUID2, &cpuid), "KVM_SET_CPUID2");
    struct kvm_sregs sregs;
    must(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
    sregs.cs = flat(8, 11);
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = flat(16, 3);
    sregs.cr0 |= 1;
    must(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
    struct kvm_regs regs = {.rip = load(argv[1], ram), .rflags = 2};
    must(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");

    for (;;) {
        if (ioctl(vcpu, KVM_RUN, 0) < 0) {
            if (errno == EINTR) {
                continue;
            }
            perror("KVM_RUN");
            return 1;
        }
        switch (run->exit_reason) {
            case KVM_EXIT_IO:
                if (run->io.port == COM1 && run->io.direction == KVM_EXIT_IO_OUT) {
                    must(write(1, (char *)run + run->io.data_offset, 1), "write");
                } else if (run->io.port == DEBUG_EXIT) {
                    return 0;
                }
                break;
            case KVM_EXIT_MMIO:
                if (!run->mmio.is_write) {
                    memset(run->mmio.data, 0xff, sizeof run->mmio.data);
                }
                break;
            default:
                fprintf(stderr, "exit reason %u\n", run->exit_reason);
                return 1;
        }
    }
}
