package org.example.tally;

/** Run with assertions on: `java -ea`. */
public final class TallyCheck {
    public static void main(String[] args) {
        Tally tally = new Tally();
        tally.vote("ada", "tea");
        tally.vote("ben", "coffee");
        tally.vote("cem", "coffee");
        assert tally.count("coffee") == 2;
        assert tally.winner().equals("coffee");
        tally.vote("ben", "tea");
        assert tally.count("tea") == 2;
    }
}
