package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;

/** Instructions per second of processor time in small loops; a program, no test. */
final class Throughput {
    private static final int ROUNDS = 6;
    private static final long COUNT = 5_000_000;

    private Throughput() {}

    private record Loop(String name, int instructions, String hex) {}

    public static void main(String[] args) {
        // Each loop counts rCX down and ends in HLT.
        Loop[] loops = {
            new Loop("registers", 6, "4801c8 4831d0 48d1c8 4883c203 48ffc9 75ee f4"),
            new Loop("memory", 6, "488b0424 4801c8 4889442408 480344240c 48ffc9 75ea f4"),
            new Loop("calls", 7, "e802000000 eb03 90 90 c3 48ffc9 75f1 f4"),
            new Loop("nops", 12, "90909090909090909090 48ffc9 75f1 f4"),
            new Loop(
                    "moves",
                    12,
                    "4889d0 4889d0 4889d0 4889d0 4889d0 4889d0 4889d0 4889d0 4889d0 4889d0 48ffc9 75dd f4"),
            new Loop(
                    "sums", 12, "4801d0 4801d0 4801d0 4801d0 4801d0 4801d0 4801d0 4801d0 4801d0 4801d0 48ffc9 75dd f4"),
            new Loop("bytes", 6, "0fb60424 00c8 88442408 38d0 ffc9 75f0 f4"),
        };
        for (Loop loop : loops) {
            if (args.length > 0 && !loop.name.equals(args[0])) {
                continue;
            }
            StringBuilder rates = new StringBuilder();
            CodeMachine m = new CodeMachine(CodeMachine.Mode.LONG);
            for (int i = 0; i < ROUNDS; i++) {
                m.code(loop.hex).gpr(Cpu.RCX, COUNT);
                long start = System.nanoTime();
                m.run();
                double seconds = (System.nanoTime() - start) / 1e9;
                rates.append(" %.0f".formatted(COUNT * loop.instructions / seconds / 1e6));
            }
            System.out.println(loop.name + ": million instructions a second:" + rates);
        }
    }
}
