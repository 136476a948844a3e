package org.rapaio.jupyter.kernel.channels;

/**
 * In place of the kernel's own, with which a kernel on a busy machine may never answer: that one says
 * that it runs after it has started, by when the thread may have looked and ended; and it ends with a
 * request that comes before the kernel has its handlers.
 */
public class LoopThread extends Thread {
    private volatile boolean running = true;
    private final long sleep;
    private final Runnable body;

    public LoopThread(String name, long sleep, Runnable body) {
        super(name);
        this.sleep = sleep;
        this.body = body;
    }

    @Override
    public void run() {
        try {
            while (running) {
                turn();
                Thread.sleep(sleep);
            }
        } catch (InterruptedException ended) {
            running = false;
        }
    }

    private void turn() {
        try {
            body.run();
        } catch (NullPointerException early) {
            // Whoever asked asks again.
        }
    }

    public void shutdown() {
        running = false;
    }
}
