/* QEMU user-mode plugin: how often each block of guest code ran, and which of its accesses missed simulated caches.
 *
 *   qemu-aarch64 -plugin ./count.so,out=FILE[,l1=BYTES:WAYS][,mid=BYTES:WAYS][,last=BYTES:WAYS] PROGRAM
 *
 * Without l1 only instructions are counted. Every cache has lines of 64 bytes, replaces the least recently used line,
 * allocates on stores and writes dirty lines back. `last` exists twice, as given and as a quarter of it: what one of four
 * threads that share it has if they share no data. Writes FILE at exit:
 *
 *   entry ADDRESS                                   where the program starts, in the guest's memory
 *   block ADDRESS INSTRUCTIONS RUNS L1 MID LAST QUARTER
 *
 * L1 and MID are lines fetched into that cache, LAST and QUARTER lines that went to or came from memory. Counters are not
 * atomic: one guest thread only. Distributions package no qemu-plugin.h, so what is used of the plugin API (version 1,
 * https://www.qemu.org/docs/master/devel/tcg-plugins.html) is declared here. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
typedef uint32_t mem_info;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { ADD_U64 = 0, NO_REGISTERS = 0, READ_AND_WRITE = 3 };
extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int, void *, uint64_t);
extern void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *, void (*)(unsigned, mem_info, uint64_t, void *), int, int, void *);
extern void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern unsigned qemu_plugin_mem_size_shift(mem_info);
extern int qemu_plugin_mem_is_store(mem_info); /* returns a bool */
extern uint64_t qemu_plugin_entry_code(void);
#define VISIBLE __attribute__((visibility("default")))
VISIBLE int qemu_plugin_version = 1;

enum { L1, MID, LAST, QUARTER, CACHES };

struct block {
    uint64_t address, instructions, runs, lines[CACHES];
    struct block *next;
};

struct cache {
    unsigned sets, ways;
    uint64_t *lines; /* [sets][ways], the most recently used first; line number * 2 + dirty, 0 is empty */
};

enum { BUCKETS = 1 << 16 };
static struct block *blocks[BUCKETS];
static struct cache caches[CACHES];
static const char *out;

/* Uses a line; returns whether it had to be fetched. A dirty line that makes room goes to *evicted, else that is 0. */
static int use(struct cache *c, uint64_t line, int store, uint64_t *evicted) {
    uint64_t *set = c->lines + (line % c->sets) * c->ways;
    uint64_t found = 0;
    unsigned way = 0;
    *evicted = 0;
    while (way < c->ways && set[way] >> 1 != line) way++;
    int missed = way == c->ways;
    if (missed) {
        way--;
        if (set[way] & 1) *evicted = set[way] >> 1;
    } else {
        found = set[way] & 1;
    }
    memmove(set + 1, set, way * sizeof *set);
    set[0] = line << 1 | found | (uint64_t)store;
    return missed;
}

static void to_memory(struct block *b, uint64_t line, int store) {
    for (int i = LAST; i <= QUARTER; i++) {
        uint64_t evicted;
        /* A line that comes back whole from above is not read first. */
        int missed = use(&caches[i], line, store, &evicted);
        b->lines[i] += (missed && !store) + (evicted != 0);
    }
}

static void beyond_l1(struct block *b, uint64_t line, int store) {
    if (!caches[MID].sets) {
        to_memory(b, line, store);
        return;
    }
    uint64_t evicted;
    if (use(&caches[MID], line, store, &evicted) && !store) {
        b->lines[MID]++;
        to_memory(b, line, 0);
    }
    if (evicted) to_memory(b, evicted, 1);
}

static void access_memory(unsigned cpu, mem_info info, uint64_t address, void *data) {
    (void)cpu;
    struct block *b = data;
    uint64_t first = address >> 6, end = (address + (1ull << qemu_plugin_mem_size_shift(info)) - 1) >> 6;
    int store = qemu_plugin_mem_is_store(info) & 1;
    for (uint64_t line = first; line <= end; line++) {
        uint64_t evicted;
        if (use(&caches[L1], line, store, &evicted)) {
            b->lines[L1]++;
            beyond_l1(b, line, 0);
        }
        if (evicted) beyond_l1(b, evicted, 1);
    }
}

/* A block is translated again after its translation was thrown away; its counts go on. */
static struct block *block_at(uint64_t address, uint64_t instructions) {
    struct block **slot = &blocks[(address >> 2) % BUCKETS];
    for (struct block *b = *slot; b; b = b->next)
        if (b->address == address && b->instructions == instructions) return b;
    struct block *b = calloc(1, sizeof *b);
    if (!b) abort();
    b->address = address;
    b->instructions = instructions;
    b->next = *slot;
    return *slot = b;
}

static void translate(plugin_id id, struct qemu_plugin_tb *tb) {
    (void)id;
    size_t n = qemu_plugin_tb_n_insns(tb);
    struct block *b = block_at(qemu_plugin_tb_vaddr(tb), n);
    qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &b->runs, 1);
    for (size_t i = 0; caches[L1].sets && i < n; i++)
        qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), access_memory, NO_REGISTERS, READ_AND_WRITE, b);
}

static void finish(plugin_id id, void *data) {
    (void)id, (void)data;
    FILE *file = fopen(out, "w");
    if (!file) {
        perror(out);
        return;
    }
    fprintf(file, "entry %" PRIx64 "\n", qemu_plugin_entry_code());
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct block *b = blocks[i]; b; b = b->next)
            if (b->runs)
                fprintf(file, "block %" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", b->address,
                        b->instructions, b->runs, b->lines[L1], b->lines[MID], b->lines[LAST], b->lines[QUARTER]);
    if (fclose(file)) perror(out);
}

static int cache_of(struct cache *c, unsigned long bytes, unsigned ways) {
    c->ways = ways;
    c->sets = bytes / 64 / ways;
    c->lines = calloc((size_t)c->sets * ways, sizeof *c->lines);
    return c->sets && c->lines;
}

VISIBLE int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        unsigned long bytes;
        unsigned ways;
        int fine = 1;
        if (!strncmp(argv[i], "out=", 4)) {
            out = argv[i] + 4;
        } else if (sscanf(argv[i], "l1=%lu:%u", &bytes, &ways) == 2) {
            fine = cache_of(&caches[L1], bytes, ways);
        } else if (sscanf(argv[i], "mid=%lu:%u", &bytes, &ways) == 2) {
            fine = cache_of(&caches[MID], bytes, ways);
        } else if (sscanf(argv[i], "last=%lu:%u", &bytes, &ways) == 2) {
            fine = cache_of(&caches[LAST], bytes, ways) && cache_of(&caches[QUARTER], bytes / 4, ways);
        } else {
            fine = 0;
        }
        if (!fine) {
            fprintf(stderr, "count: cannot use '%s'\n", argv[i]);
            return -1;
        }
    }
    if (!out || (caches[L1].sets && !caches[LAST].sets)) {
        fprintf(stderr, "count: out=FILE is needed, and last= with l1=\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_atexit_cb(id, finish, NULL);
    return 0;
}
