import java.util.concurrent.atomic.AtomicInteger;
import shop.Dao;

/** A churning program in Java; its arguments and modes are those of ../go/churn.go. */
public final class Churn {
    private static final int ATTEMPTS_UNTIL_READY = 20;
    private static final int MOST_KEPT = 800;

    public static void main(String[] args) throws Exception {
        if (args.length != 4 || !args[3].matches("close|leak|fail")) {
            System.err.println("usage: Churn HOST:PORT RATE WORKERS close|leak|fail");
            System.exit(2);
        }
        int colon = args[0].lastIndexOf(':');
        int rate = Integer.parseInt(args[1]);
        int workers = Integer.parseInt(args[2]);
        boolean leaks = args[3].equals("leak");
        Dao dao = new Dao(args[0].substring(0, colon), Integer.parseInt(args[0].substring(colon + 1)), leaks);
        AtomicInteger attempts = new AtomicInteger();
        for (int i = 0; i < workers; i++) {
            long first = 1000L * i / rate; // one after the other, no bursts
            Thread worker = new Thread(() -> work(dao, attempts, first, 1000L * workers / rate, leaks), "order-" + i);
            worker.setDaemon(true);
            worker.start();
        }
        while (System.in.read() >= 0) {
        }
    }

    private static void work(Dao dao, AtomicInteger attempts, long first, long everyMs, boolean leaks) {
        try {
            Thread.sleep(first);
            for (;;) {
                int n = attempts.incrementAndGet();
                if (leaks && n > MOST_KEPT) {
                    return;
                }
                dao.query();
                if (n == ATTEMPTS_UNTIL_READY) {
                    System.out.println("ready " + ProcessHandle.current().pid());
                }
                Thread.sleep(everyMs);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
